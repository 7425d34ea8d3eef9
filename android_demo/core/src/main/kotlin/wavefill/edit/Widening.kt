package wavefill.edit

import wavefill.fill.Box
import wavefill.fill.Parameters

/** Where a photo can be widened. */
enum class Side { LEFT, RIGHT, TOP, BOTTOM }

/** Beside what is added stands four times as much: models/fill/outpaint.py. */
private const val STEP = 4

/** A hole at the photo's border has the photo at one side only: nearness says more. Models/fill/parameters.py. */
val WIDENING = Parameters(rows = 1024, columns = 256, seamVariance = 1000)

/** The canvas step by step: each grows by at most a quarter of its length. */
fun widenings(canvas: Box, side: Side, amount: Int): List<Box> {
    require(amount > 0) { "at least one pixel is added" }
    val result = ArrayList<Box>()
    var (now, left) = canvas to amount
    while (left > 0) {
        val length = if (side == Side.LEFT || side == Side.RIGHT) now.width else now.height
        val grown = minOf(left, maxOf(1, length / STEP))
        now = when (side) {
            Side.LEFT -> now.copy(left = now.left - grown)
            Side.RIGHT -> now.copy(right = now.right + grown)
            Side.TOP -> now.copy(top = now.top - grown)
            Side.BOTTOM -> now.copy(bottom = now.bottom + grown)
        }
        result += now
        left -= grown
    }
    return result
}

/** What a larger canvas has more at one side. */
fun added(before: Box, after: Box): Box = when {
    after.left < before.left -> after.copy(right = before.left)
    after.right > before.right -> after.copy(left = before.right)
    after.top < before.top -> after.copy(bottom = before.top)
    else -> after.copy(top = before.bottom)
}
