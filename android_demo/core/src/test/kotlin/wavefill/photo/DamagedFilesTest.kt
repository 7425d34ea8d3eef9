package wavefill.photo

import wavefill.Failure
import wavefill.fill.Box
import wavefill.fill.Raster
import java.io.ByteArrayOutputStream
import java.util.Random
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertNull
import kotlin.test.assertTrue

class DamagedFilesTest {
    private val exif = "Exif\u0000\u0000II*\u0000".toByteArray(Charsets.ISO_8859_1) +
        byteArrayOf(8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0)

    private fun jpeg() = ByteArrayOutputStream().also { to ->
        JpegEncoder(to, 16, 16, JpegForm.DEFAULT, listOf(Segment(0xe1, exif))).run {
            write(Raster(16, 16, 3))
            finish()
        }
    }.toByteArray()

    private fun png() = ByteArrayOutputStream().also { to ->
        PngEncoder(to, 16, 16, listOf(Chunk("tEXt", "Title\u0000x".toByteArray()))).run {
            write(Raster(16, 16, 3))
            finish()
        }
    }.toByteArray()

    @Test
    fun `what was written is recognised`() {
        val file = PhotoFile.read { jpeg().inputStream() }
        assertEquals("jpg" to 6, file.suffix to file.orientation)
        assertEquals(listOf("tEXt"), readPngChunks(png().inputStream())!!.map { it.kind })
        assertEquals("png", PhotoFile.read { png().inputStream() }.suffix)
    }

    /** Whether a file is taken; a sentence is an answer, too. */
    private fun taken(content: ByteArray) = try {
        PhotoFile.read { content.inputStream() }.orientation in 1..8
    } catch (failure: Failure) {
        assertTrue(failure.message!!.endsWith("."))
        false
    }

    @Test
    fun `cut off anywhere behind its first bytes a photo is refused`() {
        for (whole in listOf(jpeg(), png())) {
            assertTrue(taken(whole))
            val header = if (whole[0].toInt() == -1) firstScan(whole) else 8
            for (length in whole.indices) if (taken(whole.copyOf(length))) assertTrue(length < header, "$length of ${whole.size} bytes were taken")
        }
        assertNull(readPngChunks(png().copyOf(40).inputStream()))
    }

    /** Where the entropy-coded bytes of a JPEG begin: before, a decoder has nothing to show, and says so itself. */
    private fun firstScan(whole: ByteArray) = (2 until whole.size - 1).first { whole[it].toInt() == -1 && whole[it + 1].toInt() and 0xff == 0xda } + 14

    @Test
    fun `what stands behind a JPEG does not count`() {
        assertTrue(taken(jpeg() + "a film".toByteArray()))
        assertTrue(!isWholeJpeg(jpeg().copyOf(jpeg().size - 1).inputStream()))
    }

    @Test
    fun `changed at random there is an answer and no crash`() {
        val random = Random(20_260)
        for (whole in listOf(jpeg(), png())) repeat(3000) {
            val changed = whole.copyOf()
            repeat(1 + random.nextInt(4)) { changed[random.nextInt(minOf(changed.size, 400))] = random.nextInt(256).toByte() }
            taken(changed)
        }
    }

    @Test
    fun `blocks of a damaged JPEG are taken over or refused`() {
        val random = Random(20_261)
        val (before, after) = Raster(40, 48, 3) to Raster(40, 48, 3)
        random.nextBytes(before.data)
        random.nextBytes(after.data)
        val whole = ByteArrayOutputStream().also { to -> JpegEncoder(to, 40, 48, JpegForm.DEFAULT, emptyList()).run { write(before); finish() } }.toByteArray()
        var taken = 0
        repeat(3000) {
            val changed = whole.copyOf()
            repeat(1 + random.nextInt(3)) { changed[2 + random.nextInt(changed.size - 2)] = random.nextInt(256).toByte() }
            try {
                val splice = JpegSplice(changed.inputStream(), RasterPixels(before), RasterPixels(after), listOf(Box(5, 5, 20, 30)))
                splice.write(ByteArrayOutputStream(), emptyList(), { _, _ -> }) { false }
                taken++
            } catch (error: Unsuitable) {
                assertTrue(error.message!!.startsWith("it"))
            }
        }
        assertTrue(taken in 100..2900, "$taken of 3000 were taken")
    }
}
