package wavefill.edit

import wavefill.fill.Box
import wavefill.fill.Network
import wavefill.fill.Raster
import wavefill.fill.inpaint
import java.util.Random
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertTrue

/** Answers something that depends on everything that it is asked. */
internal val ECHO = Network { image, mask -> ByteArray(image.size) { (image[it] + mask[it / 3] * 7 + image[image.size - 1 - it] * 3 + it / 64).toByte() } }

internal fun noise(height: Int, width: Int, seed: Long) = Raster(height, width, 3).also { Random(seed).nextBytes(it.data) }

class RegionTest {
    @Test
    fun `filling the part gives what filling the whole gives`() {
        val random = Random(11)
        var smaller = 0
        repeat(40) {
            val (height, width) = 70 + random.nextInt(200) to 70 + random.nextInt(200)
            val photo = noise(height, width, it.toLong())
            val strokes = List(1 + random.nextInt(3)) {
                val points = FloatArray(2 * (1 + random.nextInt(2))) { axis ->
                    random.nextFloat() * if (axis % 2 == 0) width else height
                }
                Stroke(false, 2 + random.nextFloat() * 30, points)
            }
            val canvas = Box(0, 0, height, width)
            val mask = maskOf(strokes, canvas) ?: return@repeat
            val whole = ByteArray(height * width)
            for (y in 0 until mask.box.height) {
                mask.data.copyInto(whole, (mask.box.top + y) * width + mask.box.left, y * mask.box.width, (y + 1) * mask.box.width)
            }
            val size = 32
            val expected = inpaint(photo, whole, ECHO, size)
            val region = regionOf(mask, height, width, size)
            if (region != canvas) smaller++
            val part = inpaint(photo.cut(region), Raster(height, width, 1, whole).cut(region).data, ECHO, size)
            assertContentEquals(expected.cut(region).data, part.data, "$height x $width, $region")
            assertTrue(mask.box.intersection(region) == mask.box)
        }
        assertTrue(smaller > 10, "only $smaller regions were smaller than the photo")
    }

    @Test
    fun `a part that is cut too small is another fill`() {
        val photo = noise(200, 200, 5)
        val mask = ByteArray(200 * 200).also { for (y in 90 until 120) it.fill(-1, y * 200 + 90, y * 200 + 120) }
        val expected = inpaint(photo, mask, ECHO, 32)
        val region = regionOf(Mask(Box(90, 90, 120, 120), ByteArray(900) { -1 }), 200, 200, 32)
        val small = Box(region.top + 12, region.left + 12, region.bottom, region.right)
        val part = inpaint(photo.cut(small), Raster(200, 200, 1, mask).cut(small).data, ECHO, 32)
        assertTrue(!expected.cut(small).data.contentEquals(part.data))
    }
}
