package wavefill.photo

import java.nio.ByteBuffer
import java.nio.ByteOrder

private const val ORIENTATION = 0x0112
private const val THUMBNAIL_OFFSET = 0x0201
private const val THUMBNAIL_BYTES = 0x0202
private const val SHORT = 3
private const val ENTRY = 12

/** An EXIF stream (TIFF 6.0) of a photo: which way is up; and the same stream for what is written. */
class Exif(stream: ByteArray) {
    private val bytes = stream.copyOf()
    private val buffer = ByteBuffer.wrap(bytes)
    private val first: Int

    /** 1 to 8; 1 where the stream does not say. */
    val orientation: Int

    init {
        val order = String(bytes, 0, minOf(2, bytes.size), Charsets.ISO_8859_1)
        require(order == "II" || order == "MM") { "no EXIF" }
        buffer.order(if (order == "II") ByteOrder.LITTLE_ENDIAN else ByteOrder.BIG_ENDIAN)
        first = long(4)
        orientation = entries(first).firstOrNull { short(it) == ORIENTATION && short(it + 2) == SHORT }?.let { short(it + 8) }?.takeIf { it in 1..8 } ?: 1
    }

    /**
     * The stream without its thumbnail, which would still show what was erased; its bytes become zeros, so that no tool finds it. Everything else stays
     * where it is, so that maker notes stay readable.
     *
     * @param upright with orientation 1, for pixels that were turned; else with the one that it has.
     */
    fun carried(upright: Boolean): ByteArray {
        val says = if (upright) 1 else orientation
        for (entry in entries(first)) if (short(entry) == ORIENTATION && short(entry + 2) == SHORT) buffer.putShort(entry + 8, says.toShort())
        val link = first + 2 + ENTRY * short(first)
        if (link + 4 > bytes.size) return bytes.copyOf() // some writers leave the link out
        val second = long(link)
        if (second in 8..bytes.size - 2) {
            val places = entries(second).associate { short(it) to long(it + 8) }
            val from = places[THUMBNAIL_OFFSET] ?: 0
            val length = places[THUMBNAIL_BYTES] ?: 0
            if (from in 8 until bytes.size && length > 0) bytes.fill(0, from, minOf(bytes.size.toLong(), from.toLong() + length).toInt())
        }
        buffer.putInt(link, 0)
        return bytes.copyOf()
    }

    /** Places of the entries of a directory. */
    private fun entries(directory: Int): List<Int> {
        val last = bytes.size - ENTRY
        return (0 until short(directory)).map { directory + 2 + ENTRY * it }.filter { it <= last }
    }

    private fun short(at: Int): Int {
        require(at in 0..bytes.size - 2) { "damaged EXIF" }
        return buffer.getShort(at).toInt() and 0xffff
    }

    private fun long(at: Int): Int {
        require(at in 0..bytes.size - 4) { "damaged EXIF" }
        return buffer.getInt(at)
    }
}
