package wavefill.photo

import wavefill.fill.Box
import wavefill.fill.Raster
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

class TurnedTest {
    private val photo = Raster(5, 7, 3, ByteArray(105) { it.toByte() })

    @Test
    fun `a part is the part of the whole`() {
        for (orientation in 1..8) {
            val turned = Turned(RasterPixels(photo), orientation)
            assertEquals(if (orientation < 5) 5 to 7 else 7 to 5, turned.height to turned.width)
            val whole = turned.read(Box(0, 0, turned.height, turned.width))
            for (box in listOf(Box(0, 0, 1, 1), Box(1, 2, 4, 5), Box(2, 0, 5, 5), Box(4, 4, 5, 5))) {
                assertContentEquals(whole.cut(box).data, turned.read(box).data, "orientation $orientation, $box")
            }
        }
    }

    @Test
    fun `turning back gives the photo`() {
        val back = mapOf(1 to 1, 2 to 2, 3 to 3, 4 to 4, 5 to 5, 6 to 8, 7 to 7, 8 to 6)
        for ((there, again) in back) {
            val twice = Turned(Turned(RasterPixels(photo), there), again)
            assertContentEquals(photo.data, twice.read(Box(0, 0, 5, 7)).data, "orientation $there")
        }
    }

    @Test
    fun `another orientation is refused`() {
        for (orientation in listOf(0, 9)) assertFailsWith<IllegalArgumentException> { Turned(RasterPixels(photo), orientation) }
    }
}
