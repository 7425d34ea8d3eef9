package wavefill.photo

import java.io.InputStream

private const val MOST_HEADER = 8 shl 20

/** A segment of a JPEG: its marker's second byte, and what follows its length (ITU-T T.81, B.1.1.4). */
class Segment(val marker: Int, val payload: ByteArray) {
    fun begins(text: String) = payload.size >= text.length && text.indices.all { payload[it].toInt() == text[it].code }
}

/** How a colour component is stored: sampling factors and the number of its quantisation table. */
class Component(val id: Int, val across: Int, val down: Int, val table: Int)

/**
 * What stands before the first scan of a JPEG.
 *
 * @property startOfScan what SOS says of the first scan.
 * @property quantisation number of a table to its 64 steps in zigzag order.
 */
class JpegHeader(
    val segments: List<Segment>,
    val startOfScan: ByteArray,
    val height: Int,
    val width: Int,
    val components: List<Component>,
    val quantisation: Map<Int, IntArray>,
)

/** Markers of frames: SOF0 to SOF15 (T.81, table B.1). */
internal val FRAMES = (0xc0..0xcf) - setOf(0xc4, 0xc8, 0xcc)

/** Reads a JPEG's header, up to its first scan; null: it is none, or damaged. */
fun readJpegHeader(stream: InputStream): JpegHeader? {
    val segments = ArrayList<Segment>()
    var total = 0
    if (stream.read() != 0xff || stream.read() != 0xd8) return null
    while (true) {
        if (stream.read() != 0xff) return null
        var marker = stream.read()
        while (marker == 0xff) marker = stream.read() // fill bytes
        val length = (stream.read() shl 8) + stream.read() - 2
        if (marker < 0 || length < 0) return null
        // A file that is cut off here is found to be so by those who look at the whole.
        if (marker == 0xda) return header(segments, exactly(stream, length) ?: ByteArray(0))
        total += length
        if (total > MOST_HEADER) return null
        segments += Segment(marker, exactly(stream, length) ?: return null)
    }
}

private fun header(segments: List<Segment>, startOfScan: ByteArray): JpegHeader? {
    val frame = segments.lastOrNull { it.marker in FRAMES }?.payload ?: return null
    fun byte(at: Int) = frame[at].toInt() and 0xff
    if (frame.size < 6 || frame.size != 6 + 3 * byte(5)) return null
    val components = (0 until byte(5)).map { i ->
        Component(byte(6 + 3 * i), byte(7 + 3 * i) shr 4, byte(7 + 3 * i) and 15, byte(8 + 3 * i))
    }
    val tables = HashMap<Int, IntArray>()
    for (segment in segments) if (segment.marker == 0xdb) readQuantisation(segment.payload, tables)
    return JpegHeader(segments, startOfScan, (byte(1) shl 8) + byte(2), (byte(3) shl 8) + byte(4), components, tables)
}

/** DQT (T.81, B.2.4.1). */
private fun readQuantisation(payload: ByteArray, tables: MutableMap<Int, IntArray>) {
    fun byte(at: Int) = payload[at].toInt() and 0xff
    var at = 0
    while (at < payload.size) {
        val wide = byte(at) shr 4 != 0
        val bytes = if (wide) 128 else 64
        if (at + 1 + bytes > payload.size) return
        val start = at + 1
        tables[byte(at) and 15] = IntArray(64) { if (wide) (byte(start + 2 * it) shl 8) + byte(start + 2 * it + 1) else byte(start + it) }
        at += 1 + bytes
    }
}

/** Whether a JPEG goes on to its end: after the header, scans follow until EOI. What stands behind it, as a film or a gain map, does not count. */
fun isWholeJpeg(stream: InputStream): Boolean {
    if (stream.read() != 0xff || stream.read() != 0xd8) return false
    var marker = 0
    while (true) {
        if (marker == 0) {
            if (stream.read() != 0xff) return false
            marker = stream.read()
        }
        while (marker == 0xff) marker = stream.read()
        if (marker == 0xd9) return true
        val length = (stream.read() shl 8) + stream.read() - 2
        if (marker < 0 || length < 0 || !skipped(stream, length.toLong())) return false
        marker = if (marker == 0xda) afterScan(stream) else 0
        if (marker < 0) return false
    }
}

/** The marker that ends a scan: what is neither a stuffed zero nor a restart (T.81, B.1.1.5). */
private fun afterScan(stream: InputStream): Int {
    while (true) {
        val byte = stream.read()
        if (byte < 0) return -1
        if (byte != 0xff) continue
        var marker = stream.read()
        while (marker == 0xff) marker = stream.read()
        if (marker < 0) return -1
        if (marker != 0 && marker !in 0xd0..0xd7) return marker
    }
}

/** Passes over bytes; false: there are not as many. */
internal fun skipped(from: InputStream, length: Long): Boolean {
    var left = length
    while (left > 0) {
        val count = from.skip(left)
        if (count > 0) left -= count else if (from.read() < 0) return false else left--
    }
    return true
}

internal fun exactly(stream: InputStream, length: Int): ByteArray? {
    val result = ByteArray(length)
    var at = 0
    while (at < length) {
        val count = stream.read(result, at, length - at)
        if (count < 0) return null
        at += count
    }
    return result
}
