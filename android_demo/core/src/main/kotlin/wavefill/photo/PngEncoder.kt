package wavefill.photo

import wavefill.fill.Raster
import java.io.ByteArrayOutputStream
import java.io.OutputStream
import java.nio.ByteBuffer
import java.util.zip.CRC32
import java.util.zip.Deflater

private const val UP = 2
private const val RGB = 2
private const val PIECE = 1 shl 16

/** PNG (W3C), 8 bits a channel, RGB, written row by row; each row as its difference from the one above. */
class PngEncoder(private val to: OutputStream, height: Int, private val width: Int, chunks: List<Chunk>) {
    private val deflater = Deflater(Deflater.DEFAULT_COMPRESSION)
    private val piece = ByteArray(PIECE)
    private val row = ByteArray(1 + 3 * width)
    private val above = ByteArray(3 * width)

    init {
        to.write(PNG_SIGNATURE)
        val size = ByteBuffer.allocate(13).putInt(width).putInt(height).put(byteArrayOf(8, RGB.toByte(), 0, 0, 0)).array()
        chunk("IHDR", size)
        chunks.forEach { chunk(it.kind, it.data) }
    }

    /** Writes the next rows of the photo. */
    fun write(strip: Raster) {
        require(strip.width == width && strip.channels == 3) { "a strip of the photo's width is needed" }
        for (y in 0 until strip.height) {
            row[0] = UP.toByte()
            for (x in above.indices) {
                val value = strip.data[y * above.size + x]
                row[x + 1] = (value - above[x]).toByte()
                above[x] = value
            }
            deflater.setInput(row)
            while (!deflater.needsInput()) pass()
        }
    }

    /** Ends the file; the stream stays open. */
    fun finish() {
        deflater.finish()
        while (!deflater.finished()) pass()
        deflater.end()
        chunk("IEND", ByteArray(0))
        to.flush()
    }

    private fun pass() {
        val count = deflater.deflate(piece)
        if (count > 0) chunk("IDAT", piece.copyOf(count))
    }

    private fun chunk(kind: String, data: ByteArray) {
        val content = ByteArrayOutputStream(4 + data.size)
        content.write(kind.toByteArray(Charsets.ISO_8859_1))
        content.write(data)
        val sum = CRC32().apply { update(content.toByteArray()) }
        to.write(ByteBuffer.allocate(4).putInt(data.size).array())
        content.writeTo(to)
        to.write(ByteBuffer.allocate(4).putInt(sum.value.toInt()).array())
    }
}
