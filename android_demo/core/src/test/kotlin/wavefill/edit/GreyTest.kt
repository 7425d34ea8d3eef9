package wavefill.edit

import wavefill.fill.Box
import wavefill.fill.Raster
import wavefill.photo.RasterPixels
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue

private val QUIET = object : Progress {
    override fun of(done: Int, all: Int) = Unit

    override val cancelled = false
}

class GreyTest {
    private val coloured = noise(90, 110, 3)
    private val grey = coloured.copy().also { makeGrey(it) }
    private val canvas = Box(0, 0, 90, 110)
    private val painted = Document(canvas, History().plus(Step.Paint(Stroke(false, 24f, floatArrayOf(50f, 40f)))))

    private fun filled(photo: Raster) = Filling(ECHO, 32).fill(RasterPixels(photo), painted, QUIET).second

    private fun widened(photo: Raster) = Filling(ECHO, 32).widen(RasterPixels(photo), Document(canvas), Side.LEFT, 40, QUIET).third

    @Test
    fun `a grey photo is filled and widened in grey, another in colours`() {
        for (made in listOf(::filled, ::widened)) {
            assertTrue(isGrey(made(grey)))
            assertFalse(isGrey(made(coloured)))
        }
    }

    @Test
    fun `one pixel of another colour is enough for colours`() {
        val photo = grey.copy().also { it[3 * (40 * 110 + 20)] = it[3 * (40 * 110 + 20)] xor 1 }
        assertFalse(isGrey(filled(photo)))
    }

    @Test
    fun `brightness is that of BT 601, as in Python`() {
        // Pillow's convert("L") of these four.
        val image = Raster(1, 4, 3, listOf(255, 0, 0, 0, 255, 0, 0, 0, 255, 200, 140, 100).map(Int::toByte).toByteArray())
        makeGrey(image)
        assertContentEquals(listOf(76, 150, 29, 153), (0 until 12 step 3).map { image[it] })
        assertEquals(image[9], image[11])
    }
}
