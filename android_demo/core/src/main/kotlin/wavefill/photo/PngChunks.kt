package wavefill.photo

import java.io.DataInputStream
import java.io.InputStream

private const val MOST_TEXT = 8 shl 20
private val SIGNATURE = byteArrayOf(0x89.toByte(), 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)

/** What of a PNG is carried to the result: colour, resolution, texts, EXIF. */
private val KEPT = setOf("cHRM", "gAMA", "sRGB", "cICP", "iCCP", "pHYs", "tEXt", "zTXt", "iTXt", "eXIf")

/** A chunk of a PNG: its four letters and what it holds. */
class Chunk(val kind: String, val data: ByteArray)

/** The chunks that describe a PNG's photo, in their order, what stands behind the pixels too; null: it is no PNG, or damaged. */
fun readPngChunks(stream: InputStream): List<Chunk>? {
    val from = DataInputStream(stream)
    val kept = ArrayList<Chunk>()
    var total = 0
    if (exactly(from, SIGNATURE.size)?.contentEquals(SIGNATURE) != true) return null
    while (true) {
        val head = exactly(from, 8) ?: return null
        val length = java.nio.ByteBuffer.wrap(head).getInt(0)
        val kind = String(head, 4, 4, Charsets.ISO_8859_1)
        if (length < 0) return null
        if (kind == "IEND") return if (skipped(from, 4L)) kept else null
        if (kind in KEPT && total + length <= MOST_TEXT) {
            total += length
            kept += Chunk(kind, exactly(from, length) ?: return null)
            if (exactly(from, 4) == null) return null
        } else if (!skipped(from, length + 4L)) {
            return null
        }
    }
}

/** Whether a file begins as a PNG. */
fun isPng(stream: InputStream) = exactly(stream, SIGNATURE.size)?.contentEquals(SIGNATURE) == true

internal val PNG_SIGNATURE get() = SIGNATURE.copyOf()
