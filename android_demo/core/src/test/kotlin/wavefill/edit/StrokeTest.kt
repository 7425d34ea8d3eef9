package wavefill.edit

import wavefill.fill.Box
import java.util.Random
import kotlin.math.hypot
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertNotNull
import kotlin.test.assertNull

class StrokeTest {
    private val canvas = Box(0, 0, 60, 80)

    /** Distance of a point to the strokes' lines, one after the other: another way to the same mask. */
    private fun painted(strokes: List<Stroke>, x: Float, y: Float): Int? {
        var value = 0
        for (stroke in strokes) {
            val points = (stroke.points.indices step 2).map { stroke.points[it] to stroke.points[it + 1] }
            val lines = if (points.size == 1) listOf(points[0] to points[0]) else points.zipWithNext()
            val nearest = lines.minOf { (a, b) ->
                val (dx, dy) = b.first - a.first to b.second - a.second
                val length = dx * dx + dy * dy
                val t = if (length > 0) (((x - a.first) * dx + (y - a.second) * dy) / length).coerceIn(0f, 1f) else 0f
                hypot(x - a.first - t * dx, y - a.second - t * dy)
            }
            if (Math.abs(nearest - stroke.width / 2) < 1e-3) return null // rounding decides
            if (nearest < stroke.width / 2) value = if (stroke.erase) 0 else 255
        }
        return value
    }

    @Test
    fun `the mask is what lies under the brush`() {
        val random = Random(7)
        repeat(60) {
            val strokes = List(1 + random.nextInt(4)) { index ->
                val points = FloatArray(2 * (1 + random.nextInt(4))) { -5 + random.nextFloat() * 90 }
                Stroke(index > 0 && random.nextInt(3) == 0, 1 + random.nextFloat() * 20, points)
            }
            val mask = maskOf(strokes, canvas)
            for (y in 0 until canvas.height) for (x in 0 until canvas.width) {
                val expected = painted(strokes, x + 0.5f, y + 0.5f) ?: continue
                val box = mask?.box
                val inside = box != null && y in box.top until box.bottom && x in box.left until box.right
                val got = if (inside) mask.data[(y - box.top) * box.width + x - box.left].toInt() and 0xff else 0
                assertEquals(expected, got, "$x, $y")
            }
        }
    }

    @Test
    fun `nothing painted is no mask`() {
        assertNull(maskOf(emptyList(), canvas))
        val line = floatArrayOf(10f, 10f, 40f, 40f)
        assertNull(maskOf(listOf(Stroke(true, 9f, line)), canvas))
        assertNull(maskOf(listOf(Stroke(false, 9f, line), Stroke(true, 12f, line)), canvas))
        assertNull(maskOf(listOf(Stroke(false, 9f, floatArrayOf(-50f, -50f))), canvas))
        assertNotNull(maskOf(listOf(Stroke(false, 9f, line)), canvas))
    }
}

class ViewportTest {
    private fun shown() = Viewport().apply { fit(1000, 800, 4000, 2000) }

    @Test
    fun `the whole photo is seen first, in the middle`() {
        val view = shown()
        assertEquals(0.25f, view.scale)
        assertEquals(0f to 150f, view.left to view.top)
    }

    @Test
    fun `what is between two fingers stays between them`() {
        val view = shown()
        val (x, y) = view.photoX(600f) to view.photoY(400f)
        view.pinch(600f, 400f, 620f, 390f, 6f)
        assertEquals(x, view.photoX(620f), 0.5f)
        assertEquals(y, view.photoY(390f), 0.5f)
    }

    @Test
    fun `no zoom and no pan loses the photo`() {
        val view = shown()
        view.pinch(0f, 0f, 0f, 0f, 1e-6f)
        assertEquals(view.whole, view.scale)
        view.pinch(500f, 400f, 500f, 400f, 1e6f)
        assertEquals(8f, view.scale)
        view.pinch(0f, 0f, 1e6f, -1e6f, 1f)
        assertEquals(0f, view.left)
        assertEquals(800f, view.top + 2000 * view.scale, 0.01f)
    }

    @Test
    fun `a turned screen keeps what was in the middle`() {
        val view = shown()
        view.pinch(500f, 400f, 500f, 400f, 8f)
        val middle = view.photoX(500f) to view.photoY(400f)
        view.fit(800, 1000, 4000, 2000)
        assertEquals(middle.first, view.photoX(400f), 1f)
        assertEquals(middle.second, view.photoY(500f), 1f)
        view.fit(800, 1000, 300, 200)
        assertEquals(view.whole, view.scale)
    }
}
