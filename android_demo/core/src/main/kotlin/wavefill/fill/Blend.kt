package wavefill.fill

import kotlin.math.sqrt

private const val ONE = 256

/** A patch to fill: its corner in pixels, and how far away it is copied from. */
internal class Patch(val row: Int, val column: Int, val down: Int, val across: Int) {
    fun square(side: Int) = Box(row, column, row + side, column + side)
}

/** Overlapping patches of photo minus low band, added up in a box so that they keep their variance: models/fill/blend.py. */
internal fun detail(photo: Raster, low: Raster, box: Box, patches: List<Patch>, side: Int): Numbers {
    val total = Numbers(box.height, box.width)
    val squares = IntArray(box.height * box.width)
    val weights = weightWindow(side)
    for (patch in patches) {
        val square = patch.square(side)
        val part = square.intersection(box) ?: continue
        for (y in part.top until part.bottom) for (x in part.left until part.right) {
            val weight = weights[(y - square.top) * side + x - square.left]
            val to = (y - box.top) * box.width + x - box.left
            squares[to] += weight * weight
            val from = ((y + patch.down) * photo.width + x + patch.across) * 3
            val fromLow = ((y + patch.down) * low.width + x + patch.across) * 3
            for (c in 0 until 3) total.data[to * 3 + c] += weight * (photo[from + c] - low[fromLow + c])
        }
    }
    for (same in patches.groupBy { it.down to it.across }.values) for (i in same.indices) {
        val one = same[i].square(side)
        for (j in i + 1 until same.size) {
            val other = same[j].square(side)
            if (other.top >= one.bottom) break
            val part = one.intersection(other)?.intersection(box) ?: continue
            for (y in part.top until part.bottom) for (x in part.left until part.right) {
                squares[(y - box.top) * box.width + x - box.left] +=
                    2 * weights[(y - one.top) * side + x - one.left] * weights[(y - other.top) * side + x - other.left]
            }
        }
    }
    for (place in squares.indices) {
        // The square root of a double is rounded correctly everywhere, so its whole part is the same everywhere.
        val root = sqrt(squares[place].toDouble()).toInt()
        for (i in 3 * place until 3 * place + 3) total.data[i] = if (root > 0) floorDiv(2 * total.data[i] + root, 2 * root) else 0
    }
    return total
}

/** 3 t^2 - 2 t^3 up to the middle and down again, in both directions, in 1/256. */
private fun weightWindow(side: Int): IntArray {
    val long = side.toLong()
    val line = IntArray(side)
    for (i in 0 until side / 2) {
        val k = 2L * i + 1
        line[i] = floorDiv(2L * ONE * (3 * k * k * long - 2 * k * k * k) + long * long * long, 2 * long * long * long).toInt()
        line[side - 1 - i] = line[i]
    }
    return IntArray(side * side) { floorDiv(line[it / side] * line[it % side] + ONE / 2, ONE) }
}
