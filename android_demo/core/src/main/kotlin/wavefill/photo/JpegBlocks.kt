package wavefill.photo

import wavefill.fill.Raster
import java.io.OutputStream
import kotlin.math.PI
import kotlin.math.cos
import kotlin.math.sqrt

/**
 * 8 x 8 values of a component, each the mean over its pixels, less 128; the strip's last row and column go on beyond it.
 *
 * @param top, left of the block in the strip.
 * @param down, across how many pixels a value stands for.
 * @param component 0 Y, 1 Cb, 2 Cr.
 * @param block takes them, row by row.
 */
internal fun gather(strip: Raster, top: Int, left: Int, down: Int, across: Int, component: Int, block: FloatArray) {
    for (i in 0 until 64) {
        var sum = 0f
        for (y in 0 until down) for (x in 0 until across) {
            val row = minOf(top + i / 8 * down + y, strip.height - 1)
            val column = minOf(left + i % 8 * across + x, strip.width - 1)
            val at = (row * strip.width + column) * 3
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

/** Values to whole multiples of steps, both in zigzag order; the block is used up. */
internal fun quantise(block: FloatArray, steps: IntArray, levels: IntArray) {
    transform(block)
    for (i in 0 until 64) levels[i] = Math.round(block[ZIGZAG[i]] / steps[i]).coerceIn(-LARGEST, LARGEST)
}

/** Of a coefficient of 8 bits a pixel (T.81, table F.2). */
private const val LARGEST = 1023

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

/** The number of bits of a value without its sign (T.81, tables F.1 and F.2). */
internal fun sizeOf(value: Int) = Int.SIZE_BITS - Math.abs(value).countLeadingZeroBits()

/** Bits from the highest on; a byte of ones is followed by one of zeros (T.81, B.1.1.5). */
internal class BitWriter(private val to: OutputStream) {
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

    /** Zeros before a value and its size as a code, then its bits (T.81, F.1.2). */
    fun symbol(table: HuffmanTable, zeros: Int, value: Int) {
        val size = sizeOf(value)
        val symbol = (zeros shl 4) or size
        write(table.code[symbol], table.length[symbol])
        write(if (value >= 0) value else value + (1 shl size) - 1, size)
    }

    /** The coefficients but the first. */
    fun coefficients(table: HuffmanTable, levels: IntArray) {
        var zeros = 0
        for (i in 1 until 64) {
            if (levels[i] == 0) {
                zeros++
                continue
            }
            while (zeros > 15) {
                write(table.code[PASS], table.length[PASS])
                zeros -= 16
            }
            symbol(table, zeros, levels[i])
            zeros = 0
        }
        if (zeros > 0) write(table.code[0], table.length[0])
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

    /** Ends with a marker, which is no code and is not followed by a zero. */
    fun marker(second: Int) {
        finish()
        to.write(byteArrayOf(-1, second.toByte()))
    }

    /** The last byte is filled up with ones. */
    fun finish() {
        if (count > 0) write((1 shl (8 - count)) - 1, 8 - count)
        empty()
    }
}

/** The symbol of sixteen zeros (T.81, F.1.2.2). */
internal const val PASS = 0xf0
