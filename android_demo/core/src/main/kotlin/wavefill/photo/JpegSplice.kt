package wavefill.photo

import wavefill.fill.Box
import wavefill.fill.Raster
import java.io.InputStream
import java.io.OutputStream
import java.util.concurrent.CancellationException

private const val BAND_BYTES = 6 shl 20

/**
 * What was done to a photo that still has the size it was opened with.
 *
 * @property source gives the photo's file from its beginning.
 * @property before the photo as it was opened, upright.
 * @property boxes outside of them nothing was done.
 */
class Changes(val source: () -> InputStream, val before: Pixels, val boxes: List<Box>)

/**
 * A JPEG whose blocks change only where pixels did: all others keep their bits (models/photo/jpeg/splice.py).
 *
 * Decoding and encoding again would change almost every block a little, even with the same steps. So the MCUs in which a pixel changed are encoded with the file's own
 * quantisation and Huffman tables, and put between the bits of the others. A DC value is coded as the difference to the block before, so the first kept block after a
 * change gets a new difference. The photo stays turned as it was stored, because turned blocks are other blocks.
 *
 * @param source stands at the photo's first byte.
 * @param before, after the photo as it was and as it is, as stored.
 * @param boxes in the photo as stored: outside of them nothing changed.
 */
internal class JpegSplice(private val source: InputStream, private val before: Pixels, private val after: Pixels, private val boxes: List<Box>) {
    private val header = readJpegHeader(source) ?: throw Unsuitable("its header is damaged")
    private val scan = JpegScan.of(header)
    private val reader = BitReader(source)
    private val block = FloatArray(64)
    private val levels = IntArray(64)

    /** DC values of the last block of each component: in the file, and in what is written. */
    private val old = IntArray(scan.components.size)
    private val new = IntArray(scan.components.size)

    private var band: Band? = null

    init {
        if (after.height != header.height || after.width != header.width) throw Unsuitable("it is decoded in another size")
    }

    /**
     * Writes the file.
     *
     * @param segments metadata, as it is to be.
     * @throws Unsuitable the scan is damaged, is not the only one, or its codes do not suffice; what was written until then is no photo.
     */
    fun write(to: OutputStream, segments: List<Segment>, progress: (done: Int, all: Int) -> Unit, cancelled: () -> Boolean) {
        to.write(byteArrayOf(-1, 0xd8.toByte()))
        val coding = header.segments.filter { it.marker !in APP0..APP15 && it.marker != COMMENT }
        for (segment in segments + coding + Segment(0xda, header.startOfScan)) {
            val length = segment.payload.size + 2
            to.write(byteArrayOf(-1, segment.marker.toByte(), (length shr 8).toByte(), length.toByte()))
            to.write(segment.payload)
        }
        val writer = BitWriter(to)
        for (row in 0 until scan.rows) {
            if (cancelled()) throw CancellationException("saving was cancelled")
            for (column in 0 until scan.columns) unit(row, column, writer)
            progress(minOf((row + 1) * scan.unitRows, header.height), header.height)
        }
        if (reader.marker() != END) throw Unsuitable("it has several scans")
        writer.marker(END)
        to.flush()
    }

    /** An MCU, and the restart marker before it. */
    private fun unit(row: Int, column: Int, writer: BitWriter) {
        val index = row * scan.columns + column
        if (scan.restart > 0 && index > 0 && index % scan.restart == 0) {
            val expected = RESTART + (index / scan.restart - 1) % 8
            if (reader.marker() != expected) throw Unsuitable("its scan is damaged")
            writer.marker(expected)
            old.fill(0)
            new.fill(0)
        }
        val pixels = changed(row, column)
        for ((number, component) in scan.components.withIndex()) for (down in 0 until component.down) for (across in 0 until component.across) {
            if (pixels == null) kept(number, component, writer) else made(number, component, pixels, down, across, row, column, writer)
        }
    }

    /** The band of rows that holds an MCU in which something changed; null: nothing did. */
    private fun changed(row: Int, column: Int): Band? {
        val held = band?.takeIf { row < it.lastUnit } ?: Band.at(row, scan, before, after, boxes).also { band = it }
        return held.takeIf { it.changed(row, column) }
    }

    private fun dcOf(number: Int, component: ScanComponent): Int {
        val size = symbol(component.dc) and 15
        val bits = reader.take(size)
        val difference = if (size > 0 && bits < 1 shl (size - 1)) bits - (1 shl size) + 1 else bits
        old[number] += difference
        return difference
    }

    private fun symbol(table: HuffmanTable): Int {
        val step = table.steps[reader.next16()]
        if (step == 0) throw Unsuitable("its scan is damaged")
        reader.take(step shr 8)
        return step and 0xff
    }

    /** Passes the coefficients but the first, and writes them again where a writer is given. */
    private fun others(table: HuffmanTable, writer: BitWriter?) {
        var index = 1
        while (index < 64) {
            val symbol = symbol(table)
            val size = symbol and 15
            val bits = reader.take(size)
            writer?.write(table.code[symbol], table.length[symbol])
            writer?.write(bits, size)
            if (size == 0 && symbol != PASS) return
            index += (symbol shr 4) + 1
        }
        if (index > 64) throw Unsuitable("its scan is damaged")
    }

    private fun kept(number: Int, component: ScanComponent, writer: BitWriter) {
        dcOf(number, component)
        dc(component.dc, old[number] - new[number], writer)
        new[number] = old[number]
        others(component.ac, writer)
    }

    private fun dc(table: HuffmanTable, difference: Int, writer: BitWriter) {
        val size = sizeOf(difference)
        if (size > LARGEST_DC || table.length[size] == 0) throw Unsuitable("its Huffman table has no code for a step of brightness that is needed")
        writer.symbol(table, 0, difference)
    }

    private fun made(number: Int, component: ScanComponent, band: Band, down: Int, across: Int, row: Int, column: Int, writer: BitWriter) {
        dcOf(number, component)
        others(component.ac, null)
        val (tall, wide) = scan.unitRows / (8 * component.down) to scan.unitColumns / (8 * component.across)
        val (top, left) = row * scan.unitRows - band.box.top to column * scan.unitColumns - band.box.left
        gather(band.after, top + 8 * tall * down, left + 8 * wide * across, tall, wide, number, block)
        quantise(block, component.steps, levels)
        dc(component.dc, levels[0] - new[number], writer)
        new[number] = levels[0]
        makeRepresentable(component.ac, levels)
        writer.coefficients(component.ac, levels)
    }

    private companion object {
        const val APP15 = 0xef
        const val RESTART = 0xd0
        const val END = 0xd9

        /** Bits of a DC difference at most (T.81, table F.1). */
        const val LARGEST_DC = 11
    }
}

/** Makes coefficients for which a table has codes: those of an optimised table that lacks one shrink to the nearest that it has. */
private fun makeRepresentable(table: HuffmanTable, levels: IntArray) {
    var zeros = 0
    var at = 1
    while (at < 64) {
        val value = levels[at]
        if (value == 0) {
            zeros++
            at++
            continue
        }
        val size = sizeOf(value)
        if (table.length[(zeros % 16 shl 4) or size] == 0 || zeros > 15 && table.length[PASS] == 0) {
            levels[at] = Integer.signum(value) * ((1 shl (size - 1)) - 1) // 0 in the end
        } else {
            zeros = 0
            at++
        }
    }
    if (zeros > 0 && table.length[0] == 0) throw Unsuitable("its Huffman table has no code for the end of a block")
}

/**
 * Some rows of MCUs, and what of them changed.
 *
 * @property lastUnit the first row behind them.
 * @property box whole MCUs that hold everything that changed, or as much of them as the photo has.
 * @property after pixels in the box.
 */
private class Band(val lastUnit: Int, val box: Box, val after: Raster, private val changed: BooleanArray, private val scan: JpegScan) {
    private val first = box.top / scan.unitRows
    private val left = box.left / scan.unitColumns
    private val columns = (box.width + scan.unitColumns - 1) / scan.unitColumns

    fun changed(row: Int, column: Int): Boolean {
        val place = column - left
        return place in 0 until columns && changed[(row - first) * columns + place]
    }

    companion object {
        /** The band that begins with a row of MCUs: to the next change if none lies in that row, else as many rows as are held at once. */
        fun at(row: Int, scan: JpegScan, before: Pixels, after: Pixels, boxes: List<Box>): Band {
            val tops = boxes.map { it.top / scan.unitRows }
            val bottoms = boxes.map { (it.bottom - 1) / scan.unitRows }
            val here = boxes.indices.any { row in tops[it]..bottoms[it] }
            if (!here) {
                val next = tops.filter { it > row }.minOrNull() ?: scan.rows
                return Band(next, Box(row * scan.unitRows, 0, row * scan.unitRows, 0), Raster(0, 0, 3), BooleanArray(0), scan)
            }
            val left = boxes.minOf { it.left } / scan.unitColumns * scan.unitColumns
            val right = minOf(after.width, ((boxes.maxOf { it.right } - 1) / scan.unitColumns + 1) * scan.unitColumns)
            val most = maxOf(1, BAND_BYTES / (3 * (right - left) * scan.unitRows))
            val last = minOf(row + most, bottoms.max() + 1)
            val box = Box(row * scan.unitRows, left, minOf(after.height, last * scan.unitRows), right)
            val (then, now) = before.read(box) to after.read(box)
            val columns = (box.width + scan.unitColumns - 1) / scan.unitColumns
            val changed = BooleanArray((last - row) * columns)
            for (y in 0 until box.height) for (x in 0 until box.width) {
                val at = 3 * (y * box.width + x)
                if (then.data[at] == now.data[at] && then.data[at + 1] == now.data[at + 1] && then.data[at + 2] == now.data[at + 2]) continue
                changed[y / scan.unitRows * columns + x / scan.unitColumns] = true
            }
            return Band(last, box, now, changed, scan)
        }
    }
}
