package wavefill.photo

import java.io.InputStream

/** Blocks of an MCU (T.81, B.2.3). */
private const val MOST_BLOCKS = 10

/** A JPEG whose blocks cannot be taken over; the message says why, to follow "because". */
internal class Unsuitable(why: String) : Exception(why)

/** A colour component of a scan: sampling factors, steps in zigzag order, and codes. */
internal class ScanComponent(val across: Int, val down: Int, val steps: IntArray, val dc: HuffmanTable, val ac: HuffmanTable)

/**
 * How the one scan of a sequential JPEG is laid out (ITU-T T.81): what cameras and phones write. As models/photo/jpeg/file.py.
 *
 * @property restart MCUs between restart markers, 0 for none.
 */
internal class JpegScan private constructor(header: JpegHeader, val components: List<ScanComponent>, val restart: Int) {
    /** Rows and columns of pixels in an MCU. */
    val unitRows = 8 * components.maxOf { it.down }
    val unitColumns = 8 * components.maxOf { it.across }

    /** Rows and columns of MCUs. */
    val rows = (header.height + unitRows - 1) / unitRows
    val columns = (header.width + unitColumns - 1) / unitColumns

    companion object {
        /** @throws Unsuitable progressive, arithmetic, several scans, other colours than grey and YCbCr of 8 bits, or damaged. */
        fun of(header: JpegHeader): JpegScan = try {
            read(header)
        } catch (error: IndexOutOfBoundsException) {
            throw Unsuitable("its header is damaged")
        } catch (error: IllegalArgumentException) {
            throw Unsuitable("its header is damaged")
        }

        private fun read(header: JpegHeader): JpegScan {
            val frame = header.segments.last { it.marker in FRAMES }
            if (frame.marker !in 0xc0..0xc1) throw Unsuitable(if (frame.marker == 0xc2) "it is progressive" else "it is of a rare kind")
            val named = header.components
            val adobe = header.segments.lastOrNull { it.marker == APP14 && it.begins("Adobe") }
            val inks = adobe != null && adobe.payload[ADOBE_COLOURS].toInt() == 0 || named.map { it.id.toChar() } == listOf('R', 'G', 'B')
            if (frame.payload[0].toInt() != 8 || named.size !in setOf(1, 3) || inks) throw Unsuitable("its colours are neither grey nor YCbCr of 8 bits")
            val scan = header.startOfScan
            val single = scan[0].toInt() == named.size && named.indices.all { scan[1 + 2 * it].toInt() and 0xff == named[it].id }
            val whole = scan.size == 4 + 2 * named.size && scan.takeLast(3) == listOf<Byte>(0, 63, 0)
            if (!single || !whole || header.height == 0) throw Unsuitable("it has several scans")
            val tables = huffman(header.segments)
            val components = named.mapIndexed { index, one ->
                val codes = scan[2 + 2 * index].toInt()
                // T.81, A.2.2: a scan of one component has one block an MCU, whatever its factors say.
                val (across, down) = if (named.size == 1) 1 to 1 else one.across to one.down
                ScanComponent(across, down, needed(header.quantisation[one.table]), needed(tables[codes shr 4 and 15]), needed(tables[0x10 or (codes and 15)]))
            }
            require(components.all { it.across > 0 && it.down > 0 && it.steps.all { step -> step > 0 } })
            val (across, down) = components.maxOf { it.across } to components.maxOf { it.down }
            if (components.any { across % it.across != 0 || down % it.down != 0 }) throw Unsuitable("its sampling factors are no divisors")
            if (components.sumOf { it.across * it.down } > MOST_BLOCKS) throw Unsuitable("its sampling factors are too large")
            val restart = header.segments.lastOrNull { it.marker == 0xdd }?.payload
            return JpegScan(header, components, restart?.let { (it[0].toInt() and 0xff shl 8) or (it[1].toInt() and 0xff) } ?: 0)
        }

        private fun <T> needed(table: T?): T = requireNotNull(table)

        /** DHT (T.81, B.2.4.2): tables by class and number, as the file writes them. */
        private fun huffman(segments: List<Segment>): Map<Int, HuffmanTable> {
            val tables = HashMap<Int, HuffmanTable>()
            for (segment in segments) if (segment.marker == 0xc4) {
                val payload = segment.payload
                var at = 0
                while (at < payload.size) {
                    val counts = payload.copyOfRange(at + 1, at + 17)
                    val end = at + 17 + counts.sumOf { it.toInt() and 0xff }
                    require(end <= payload.size)
                    tables[payload[at].toInt()] = HuffmanTable(counts, payload.copyOfRange(at + 17, end))
                    at = end
                }
            }
            return tables
        }
    }
}

/** Where an Adobe segment says how three colours are coded; 0: as red, green, blue. */
private const val ADOBE_COLOURS = 11

/**
 * The bits of a scan, without stuffing.
 *
 * @param from stands at the scan's first byte.
 */
internal class BitReader(private val from: InputStream) {
    private var held = 0L
    private var count = 0

    /** How many of the bits held stand behind the scan's end, and are none of its. */
    private var beyond = 0

    /** The second byte of the marker that was met; 0: none yet. */
    private var marker = 0

    /** The next 16 bits; they are not passed. */
    fun next16(): Int {
        while (count < 16) more()
        return (held shr (count - 16)).toInt() and 0xffff
    }

    /** @throws Unsuitable the scan ends before. */
    fun take(length: Int): Int {
        while (count < length) more()
        count -= length
        if (count < beyond) throw Unsuitable("its scan is damaged")
        val value = (held shr count).toInt() and ((1L shl length) - 1).toInt()
        held = held and ((1L shl count) - 1)
        return value
    }

    private fun more() {
        val byte = if (marker == 0) byte() else -1
        held = (held shl 8) or (if (byte < 0) 0xffL else byte.toLong())
        count += 8
        if (byte < 0) beyond += 8
    }

    /** The next byte of the scan; -1: a marker stands there, or the file ends. */
    private fun byte(): Int {
        val byte = from.read()
        if (byte != 0xff) {
            if (byte < 0) marker = -1
            return byte
        }
        var second = from.read()
        if (second == 0) return byte
        while (second == 0xff) second = from.read() // fill bytes
        marker = second
        return -1
    }

    /**
     * Passes the bits that fill up the last byte, and the marker behind them.
     *
     * @return its second byte.
     * @throws Unsuitable something else stands there.
     */
    fun marker(): Int {
        count -= (count - beyond) % 8
        if (count > beyond || marker == 0 && byte() >= 0 || marker < 0) throw Unsuitable("its scan is damaged")
        return marker.also {
            marker = 0
            held = 0
            count = 0
            beyond = 0
        }
    }
}
