package wavefill.edit

import wavefill.fill.Box
import kotlin.math.ceil
import kotlin.math.floor
import kotlin.math.sqrt

/**
 * A line of the brush in the photo's coordinates, so that it is the same at any zoom and at full size.
 *
 * @property erase takes paint away.
 * @property width of the line in pixels of the photo; its ends are round.
 * @property points x and y one after the other; two numbers or more.
 */
class Stroke(val erase: Boolean, val width: Float, val points: FloatArray) {
    /** Everything that it can touch. */
    val bounds: Box by lazy {
        val reach = width / 2
        val (across, down) = (0..1).map { axis -> points.indices.filter { it % 2 == axis }.map { points[it] } }
        Box(
            floor(down.min() - reach).toInt(), floor(across.min() - reach).toInt(),
            ceil(down.max() + reach).toInt() + 1, ceil(across.max() + reach).toInt() + 1,
        )
    }

    override fun equals(other: Any?) = other is Stroke && erase == other.erase && width == other.width && points.contentEquals(other.points)

    override fun hashCode() = points.contentHashCode()
}

/** Where strokes paint and none after them erases. */
class Mask(val box: Box, val data: ByteArray) {
    val isEmpty get() = data.all { it.toInt() == 0 }
}

/**
 * The mask of strokes: 255 where the middle of a pixel lies under the brush.
 *
 * @param canvas the photo; what is painted beside it counts for nothing.
 * @return over the smallest box around what paints; null where nothing is painted.
 */
fun maskOf(strokes: List<Stroke>, canvas: Box): Mask? {
    val box = strokes.filter { !it.erase }.mapNotNull { it.bounds.intersection(canvas) }.reduceOrNull { a, b ->
        Box(minOf(a.top, b.top), minOf(a.left, b.left), maxOf(a.bottom, b.bottom), maxOf(a.right, b.right))
    } ?: return null
    val mask = Mask(box, ByteArray(box.height * box.width))
    for (stroke in strokes) {
        val value = (if (stroke.erase) 0 else 255).toByte()
        val points = stroke.points
        // A stroke of one point is a line from it to itself.
        for (i in 0..maxOf(0, points.size - 4) step 2) {
            val next = if (points.size > 2) i + 2 else i
            line(mask, points[i], points[i + 1], points[next], points[next + 1], stroke.width / 2, value)
        }
    }
    return if (mask.isEmpty) null else mask
}

/** Sets every pixel whose middle is at most `reach` from a line; row by row, from the first to the last that is. */
private fun line(mask: Mask, x0: Float, y0: Float, x1: Float, y1: Float, reach: Float, value: Byte) {
    val box = mask.box
    for (row in maxOf(box.top, floor(minOf(y0, y1) - reach).toInt())..minOf(box.bottom - 1, ceil(maxOf(y0, y1) + reach).toInt())) {
        val y = row + 0.5f
        val span = span(x0, y0, x1, y1, y, reach) ?: continue
        val from = maxOf(box.left, ceil(span.first - 0.5f).toInt())
        val to = minOf(box.right - 1, floor(span.second - 0.5f).toInt())
        if (from <= to) mask.data.fill(value, (row - box.top) * box.width + from - box.left, (row - box.top) * box.width + to - box.left + 1)
    }
}

/** From where to where a horizontal line lies within reach of another: of its two ends' discs and of the band between them. */
private fun span(x0: Float, y0: Float, x1: Float, y1: Float, y: Float, reach: Float): Pair<Float, Float>? {
    var from = Float.MAX_VALUE
    var to = -Float.MAX_VALUE
    fun add(x: Float) {
        from = minOf(from, x)
        to = maxOf(to, x)
    }
    for ((x, middle) in listOf(x0 to y0, x1 to y1)) {
        val left = reach * reach - (y - middle) * (y - middle)
        if (left >= 0) {
            add(x - sqrt(left))
            add(x + sqrt(left))
        }
    }
    val (dx, dy) = x1 - x0 to y1 - y0
    val length = sqrt(dx * dx + dy * dy)
    if (length > 0) {
        val (acrossX, acrossY) = -dy / length * reach to dx / length * reach
        val corners = listOf(x0 + acrossX to y0 + acrossY, x1 + acrossX to y1 + acrossY, x1 - acrossX to y1 - acrossY, x0 - acrossX to y0 - acrossY)
        for (i in corners.indices) {
            val (ax, ay) = corners[i]
            val (bx, by) = corners[(i + 1) % corners.size]
            if ((ay <= y) != (by <= y)) add(ax + (y - ay) / (by - ay) * (bx - ax))
        }
    }
    return if (from <= to) from to to else null
}
