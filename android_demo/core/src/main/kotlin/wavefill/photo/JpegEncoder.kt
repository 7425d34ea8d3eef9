package wavefill.photo

import wavefill.fill.Raster
import java.io.OutputStream

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
            gather(strip, top + 8 * down, left + 8 * across, 1, 1, 0, block)
            encode(0)
        }
        if (form.grey) return
        for (component in 1..2) {
            gather(strip, top, left, form.down, form.across, component, block)
            encode(component)
        }
    }

    private fun encode(component: Int) {
        quantise(block, form.tables[minOf(component, 1)], levels)
        val (dc, ac) = if (component == 0) DC_LUMA to AC_LUMA else DC_CHROMA to AC_CHROMA
        bits.symbol(dc, 0, levels[0] - before[component])
        before[component] = levels[0]
        bits.coefficients(ac, levels)
    }
}
