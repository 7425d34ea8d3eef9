package wavefill.photo

import wavefill.fill.Box
import wavefill.fill.Raster

/**
 * A photo as it is to be looked at, over one as it is stored.
 *
 * @param orientation EXIF 2.3, tag 274: 1 as stored, 2 mirrored, 3 turned by half, 4 upside down in a mirror, 5 rows and columns exchanged,
 *   6 turned clockwise by a quarter to be upright, 7 exchanged along the other diagonal, 8 turned counterclockwise by a quarter.
 */
class Turned(private val stored: Pixels, private val orientation: Int) : Pixels {
    private val exchanged = orientation in 5..8
    private val fromBottom = orientation in setOf(3, 4, 6, 7)
    private val fromRight = orientation in setOf(2, 3, 7, 8)

    init {
        require(orientation in 1..8) { "orientation: 1 to 8, got $orientation" }
    }

    override val height get() = if (exchanged) stored.width else stored.height
    override val width get() = if (exchanged) stored.height else stored.width

    override fun read(box: Box): Raster {
        if (orientation == 1) return stored.read(box)
        val source = place(box)
        val part = stored.read(source)
        val result = Raster(box.height, box.width, part.channels)
        // A step to the right in the result is the same step in the stored photo everywhere.
        val (firstRow, firstColumn) = place(box.top, box.left)
        val (nextRow, nextColumn) = place(box.top, box.left + 1)
        val step = (nextRow - firstRow) * part.width + nextColumn - firstColumn
        for (y in 0 until box.height) {
            val (row, column) = place(box.top + y, box.left)
            var from = (row - source.top) * part.width + column - source.left
            for (x in 0 until box.width) {
                val to = (y * box.width + x) * part.channels
                for (c in 0 until part.channels) result.data[to + c] = part.data[from * part.channels + c]
                from += step
            }
        }
        return result
    }

    /** Where a box lies in the stored photo. */
    fun place(box: Box): Box {
        val corners = listOf(place(box.top, box.left), place(box.bottom - 1, box.right - 1))
        return Box(corners.minOf { it.first }, corners.minOf { it.second }, 1 + corners.maxOf { it.first }, 1 + corners.maxOf { it.second })
    }

    /** Row and column in the stored photo. */
    private fun place(y: Int, x: Int): Pair<Int, Int> {
        val (row, column) = if (exchanged) x to y else y to x
        return (if (fromBottom) stored.height - 1 - row else row) to (if (fromRight) stored.width - 1 - column else column)
    }
}

/** What turns an upright photo back: a quarter to the other side, and of all other orientations each is its own. */
private fun back(orientation: Int) = when (orientation) {
    6 -> 8
    8 -> 6
    else -> orientation
}

/** An upright photo as it is stored. */
internal fun stored(upright: Pixels, orientation: Int): Pixels = if (orientation == 1) upright else Turned(upright, back(orientation))
