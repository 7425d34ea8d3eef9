package wavefill.photo

import wavefill.fill.Raster
import java.io.OutputStream
import kotlin.math.PI
import kotlin.math.cos
import kotlin.math.sqrt

/**
 * How a JPEG is written.
 *
 * @property grey one component; else Y, Cb, Cr.
 * @property across, down how many pixels one chroma value stands for: 1 or 2.
 * @property tables steps of luma and chroma in zigzag order, 1 to 255.
 */
class JpegForm(val grey: Boolean, val across: Int, val down: Int, val tables: List<IntArray>) {
    companion object {
        val DEFAULT = JpegForm(false, 1, 1, quantisationOf(95))

        /** The form of a file, so that what was not filled comes out nearly as it was; the default where it has one that is not written here. */
        fun of(header: JpegHeader): JpegForm {
            val parts = header.components
            val tables = parts.map { header.quantisation[it.table] }
            val written = tables.filterNotNull().filter { table -> table.all { it in 1..255 } }
            if (parts.size !in setOf(1, 3) || written.size != parts.size) return DEFAULT
            if (parts.size == 1) return JpegForm(true, 1, 1, listOf(written[0], written[0]))
            val (luma, blue, red) = parts
            val usual = blue.across == 1 && blue.down == 1 && red.across == 1 && red.down == 1 && luma.across in 1..2 && luma.down in 1..2
            return if (usual && written[1].contentEquals(written[2])) JpegForm(false, luma.across, luma.down, written.take(2)) else DEFAULT
        }
    }
}

/**
 * Baseline JPEG (ITU-T T.81), written row of blocks by row of blocks, so that no photo need be in memory.
 *
 * @param segments what stands after SOI: metadata, as it is to be.
 */
class JpegEncoder(private val to: OutputStream, private val height: Int, private val width: Int, private val form: JpegForm, segments: List<Segment>) {
    private val rows = 8 * form.down
    private val columns = 8 * form.across
    private val bits = BitWriter(to)
    private val before = IntArray(3)
    private val block = FloatArray(64)
    private val levels = IntArray(64)

    init {
        require(height in 1..65_535 && width in 1..65_535) { "JPEG holds at most 65535 pixels a side, the photo has $width x $height" }
        to.write(byteArrayOf(-1, 0xd8.toByte()))
        segments.forEach { segment(it.marker, it.payload) }
        val tables = if (form.grey) 1 else 2
        for (number in 0 until tables) segment(0xdb, byteArrayOf(number.toByte()) + form.tables[number].map { it.toByte() })
        val size = byteArrayOf(8, (height shr 8).toByte(), height.toByte(), (width shr 8).toByte(), width.toByte())
        val luma = byteArrayOf(1, (16 * form.across + form.down).toByte(), 0)
        segment(0xc0, size + if (form.grey) byteArrayOf(1) + luma else byteArrayOf(3) + luma + byteArrayOf(2, 0x11, 1, 3, 0x11, 1))
        for ((number, table) in listOf(0x00 to DC_LUMA, 0x10 to AC_LUMA, 0x01 to DC_CHROMA, 0x11 to AC_CHROMA).take(2 * tables)) {
            segment(0xc4, byteArrayOf(number.toByte()) + table.counts + table.symbols)
        }
        val scan = if (form.grey) byteArrayOf(1, 1, 0) else byteArrayOf(3, 1, 0, 2, 0x11, 3, 0x11)
        segment(0xda, scan + byteArrayOf(0, 63, 0))
    }

    private fun segment(marker: Int, payload: ByteArray) {
        val length = payload.size + 2
        require(length <= 0xffff) { "a segment of ${payload.size} bytes does not fit into a JPEG" }
        to.write(byteArrayOf(-1, marker.toByte(), (length shr 8).toByte(), length.toByte()))
        to.write(payload)
    }

    /** How many rows a strip must be a multiple of, but for the last. */
    val rowsOfUnit get() = rows

    /** Writes the next rows of the photo. */
    fun write(strip: Raster) {
        require(strip.width == width && strip.channels == 3) { "a strip of the photo's width is needed" }
        for (top in 0 until strip.height step rows) for (left in 0 until width step columns) unit(strip, top, left)
    }

    /** Ends the file; the stream stays open. */
    fun finish() {
        bits.finish()
        to.write(byteArrayOf(-1, 0xd9.toByte()))
        to.flush()
    }

    /** An MCU: luma's blocks, then one of each chroma. */
    private fun unit(strip: Raster, top: Int, left: Int) {
        for (down in 0 until form.down) for (across in 0 until form.across) {
            gather(strip, top + 8 * down, left + 8 * across, 1, 1, 0)
            encode(0)
        }
        if (form.grey) return
        for (component in 1..2) {
            gather(strip, top, left, form.down, form.across, component)
            encode(component)
        }
    }

    /** 8 x 8 values of a component, each the mean over its pixels, less 128; the last pixel goes on beyond the border. */
    private fun gather(strip: Raster, top: Int, left: Int, down: Int, across: Int, component: Int) {
        for (i in 0 until 64) {
            var sum = 0f
            for (y in 0 until down) for (x in 0 until across) {
                val row = minOf(top + i / 8 * down + y, strip.height - 1)
                val column = minOf(left + i % 8 * across + x, width - 1)
                val at = (row * width + column) * 3
                sum += value(component, strip[at].toFloat(), strip[at + 1].toFloat(), strip[at + 2].toFloat())
            }
            block[i] = sum / (down * across) - 128
        }
    }

    /** Y, Cb or Cr (JFIF 1.02), a whole number. */
    private fun value(component: Int, red: Float, green: Float, blue: Float): Float {
        val luma = 0.299f * red + 0.587f * green + 0.114f * blue
        val value = when (component) {
            0 -> luma
            1 -> 128 + (blue - luma) / 1.772f
            else -> 128 + (red - luma) / 1.402f
        }
        return (value + 0.5f).toInt().coerceIn(0, 255).toFloat() // what is cut off is never below zero
    }

    private fun encode(component: Int) {
        val steps = form.tables[minOf(component, 1)]
        transform(block)
        for (i in 0 until 64) levels[i] = Math.round(block[ZIGZAG[i]] / steps[i]).coerceIn(-1023, 1023)
        val (dc, ac) = if (component == 0) DC_LUMA to AC_LUMA else DC_CHROMA to AC_CHROMA
        val step = levels[0] - before[component]
        before[component] = levels[0]
        symbol(dc, 0, step)
        var zeros = 0
        for (i in 1 until 64) {
            if (levels[i] == 0) {
                zeros++
                continue
            }
            while (zeros > 15) {
                bits.write(ac.code[0xf0], ac.length[0xf0])
                zeros -= 16
            }
            symbol(ac, zeros, levels[i])
            zeros = 0
        }
        if (zeros > 0) bits.write(ac.code[0], ac.length[0])
    }

    /** Zeros before a value and its size as a code, then its bits (T.81, F.1.2). */
    private fun symbol(table: HuffmanTable, zeros: Int, value: Int) {
        val size = Int.SIZE_BITS - Math.abs(value).countLeadingZeroBits()
        val symbol = (zeros shl 4) or size
        bits.write(table.code[symbol], table.length[symbol])
        bits.write(if (value >= 0) value else value + (1 shl size) - 1, size)
    }
}

private val COSINES = FloatArray(64) { i ->
    val (frequency, sample) = i / 8 to i % 8
    (cos((2 * sample + 1) * frequency * PI / 16) / 2 * if (frequency == 0) sqrt(0.5) else 1.0).toFloat()
}

/** The DCT of T.81, A.3.3, in place: columns, then rows. */
private fun transform(block: FloatArray) {
    val line = FloatArray(8)
    for ((stride, step) in listOf(8 to 1, 1 to 8)) for (n in 0 until 8) {
        for (frequency in 0 until 8) {
            var sum = 0f
            for (sample in 0 until 8) sum += COSINES[8 * frequency + sample] * block[n * step + sample * stride]
            line[frequency] = sum
        }
        for (frequency in 0 until 8) block[n * step + frequency * stride] = line[frequency]
    }
}

/** Bits from the highest on; a byte of ones is followed by one of zeros (T.81, B.1.1.5). */
private class BitWriter(private val to: OutputStream) {
    private val buffer = ByteArray(1 shl 16)
    private var used = 0
    private var held = 0L
    private var count = 0

    fun write(value: Int, length: Int) {
        held = (held shl length) or value.toLong()
        count += length
        while (count >= 8) {
            count -= 8
            byte((held shr count).toInt())
        }
        held = held and ((1L shl count) - 1)
    }

    private fun byte(value: Int) {
        if (used + 2 > buffer.size) empty()
        buffer[used++] = value.toByte()
        if (value and 0xff == 0xff) buffer[used++] = 0
    }

    private fun empty() {
        to.write(buffer, 0, used)
        used = 0
    }

    /** The last byte is filled up with ones. */
    fun finish() {
        if (count > 0) write((1 shl (8 - count)) - 1, 8 - count)
        empty()
    }
}
