package wavefill.edit

import wavefill.Failure
import wavefill.fill.Box
import wavefill.fill.Raster
import wavefill.fill.inpaint
import wavefill.photo.Pixels
import wavefill.photo.PngEncoder
import wavefill.photo.RasterPixels
import java.io.ByteArrayOutputStream
import java.io.File
import java.io.IOException
import java.nio.file.Files
import java.nio.file.Paths
import java.util.concurrent.Executor
import javax.imageio.ImageIO
import kotlin.test.AfterTest
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue

private const val SIZE = 32

class EditorTest {
    private val folder = createTempDir()
    private val store = DocumentStore(File(folder, "edit"))
    private val photo = noise(120, 160, 3)
    private val spot = Stroke(false, 20f, floatArrayOf(60f, 50f, 80f, 60f))
    private val said = ArrayList<String>()
    private val direct = Executor { it.run() }
    private var free = Long.MAX_VALUE

    @AfterTest
    fun tidy() {
        folder.deleteRecursively()
    }

    private fun png(raster: Raster) = ByteArrayOutputStream().also { PngEncoder(it, raster.height, raster.width, emptyList()).run { write(raster); finish() } }.toByteArray()

    private fun decode(file: File): Pixels {
        val image = ImageIO.read(file) ?: throw Failure("This is no photo.")
        val raster = Raster(image.height, image.width, 3)
        for (i in 0 until image.height * image.width) for (c in 0 until 3) raster[3 * i + c] = image.getRGB(i % image.width, i / image.width) shr (16 - 8 * c)
        return RasterPixels(raster)
    }

    private fun editor(worker: Executor = direct) =
        Editor(store, { file, _ -> decode(file) }, { Filling(ECHO, SIZE) { free } }, worker, direct).also { it.failed = said::add }

    private fun opened(worker: Executor = direct) = editor(worker).also { it.open { png(photo).inputStream() } }

    private fun Editor.pixels() = current()!!.let { it.read(Box(0, 0, it.height, it.width)) }

    private fun expected(): ByteArray {
        val mask = maskOf(listOf(spot), Box(0, 0, 120, 160))!!
        val whole = ByteArray(120 * 160)
        for (y in 0 until mask.box.height) mask.data.copyInto(whole, (mask.box.top + y) * 160 + mask.box.left, y * mask.box.width, (y + 1) * mask.box.width)
        return inpaint(photo, whole, ECHO, SIZE).data
    }

    @Test
    fun `a photo is opened, painted and filled`() {
        val editor = opened()
        assertContentEquals(photo.data, editor.pixels().data)
        editor.paint(spot)
        editor.fill()
        assertContentEquals(expected(), editor.pixels().data)
        assertTrue(editor.state.document!!.strokes.isEmpty())
        assertNull(editor.state.work)
        assertEquals(emptyList(), said)
    }

    @Test
    fun `every step is undone and done again`() {
        val editor = opened()
        editor.paint(spot)
        editor.fill()
        editor.widen(Side.LEFT, 10)
        val widened = editor.pixels()
        assertEquals(176 to 120, widened.width to widened.height)
        assertContentEquals(expected(), widened.cut(Box(0, 16, 120, 176)).data)
        editor.undo()
        editor.undo()
        assertContentEquals(photo.data, editor.pixels().data)
        assertEquals(listOf(spot), editor.state.document!!.strokes)
        editor.undo()
        assertTrue(!editor.state.document!!.history.canUndo)
        repeat(3) { editor.redo() }
        assertContentEquals(widened.data, editor.pixels().data)
    }

    @Test
    fun `a process that dies loses nothing`() {
        val editor = opened()
        editor.paint(spot)
        editor.fill()
        editor.widen(Side.BOTTOM, 20)
        editor.paint(Stroke(false, 5f, floatArrayOf(3f, 130f)))
        editor.undo()
        val after = editor().also { it.restore() }
        assertContentEquals(editor.pixels().data, after.pixels().data)
        assertTrue(after.state.document!!.history.canRedo)
        after.redo()
        assertEquals(1, after.state.document!!.strokes.size)
    }

    @Test
    fun `a process that dies in the middle of a fill keeps the paint`() {
        val never = ArrayList<Runnable>()
        val editor = opened()
        editor.paint(spot)
        val dying = Editor(store, { file, _ -> decode(file) }, { Filling(ECHO, SIZE) }, { never += it }, direct)
        dying.restore()
        never.removeAt(0).run()
        dying.fill()
        File(folder, "edit/newabc.unfinished").writeText("half")
        val after = editor().also { it.restore() }
        assertEquals(listOf(spot), after.state.document!!.strokes)
        after.fill()
        assertContentEquals(expected(), after.pixels().data)
        assertTrue(!File(folder, "edit/newabc.unfinished").exists())
    }

    @Test
    fun `a damaged store opens empty`() {
        opened().also { it.paint(spot); it.fill() }
        for (damage in listOf("edit.json" to "{", "edit.json" to "{}", "photo" to "", "pixels-1" to "short")) {
            val place = File(folder, "edit/${damage.first}")
            val before = place.readBytes()
            place.writeText(damage.second)
            val editor = editor().also { it.restore() }
            assertNull(editor.current(), "$damage")
            place.writeBytes(before)
        }
        assertNotNull(editor().also { it.restore() }.current())
    }

    @Test
    fun `a corrupt photo is a sentence, and the one before stays`() {
        val editor = opened()
        editor.paint(spot)
        editor.open { "no photo at all".byteInputStream() }
        editor.open { png(photo).copyOf(300).inputStream() }
        editor.open { throw IOException("gone") }
        editor.open { throw SecurityException("denied") }
        assertEquals(4, said.size)
        assertTrue(said.all { it.endsWith(".") }, "$said")
        assertEquals(listOf(spot), editor.state.document!!.strokes)
        assertContentEquals(photo.data, editor.pixels().data)
        assertContentEquals(photo.data, editor().also { it.restore() }.pixels().data)
    }

    @Test
    fun `nothing painted, everything painted, and too little memory are sentences`() {
        val editor = opened()
        editor.fill()
        assertTrue("Nothing is painted" in said.last())
        editor.paint(Stroke(false, 500f, floatArrayOf(80f, 60f)))
        editor.fill()
        assertTrue("Everything is painted" in said.last())
        editor.undo()
        editor.paint(spot)
        free = 1000
        editor.fill()
        assertTrue("memory" in said.last())
        assertContentEquals(photo.data, editor.pixels().data)
        free = Long.MAX_VALUE
        editor.fill()
        assertContentEquals(expected(), editor.pixels().data)
    }

    @Test
    fun `a bad model is a sentence at the first fill`() {
        val editor = Editor(store, { file, _ -> decode(file) }, { throw Failure("The model cannot be used.") }, direct, direct).also { it.failed = said::add }
        editor.open { png(photo).inputStream() }
        editor.paint(spot)
        repeat(2) { editor.fill() }
        assertEquals(listOf("The model cannot be used.", "The model cannot be used."), said)
        assertEquals(listOf(spot), editor.state.document!!.strokes)
    }

    @Test
    fun `a fill is cancelled and the paint stays`() {
        val editor = opened()
        editor.paint(spot)
        var seen = 0
        editor.changed = {
            if (editor.state.work == Work.FILLING && seen++ == 0) editor.cancel()
        }
        editor.fill()
        assertTrue(seen > 0)
        assertEquals(listOf(spot), editor.state.document!!.strokes)
        assertNull(editor.state.work)
        assertEquals(emptyList(), said)
        editor.changed = null
        editor.fill()
        assertContentEquals(expected(), editor.pixels().data)
    }

    @Test
    fun `a photo is saved, and a full disk is a sentence that leaves nothing half`() {
        val editor = opened()
        editor.paint(spot)
        editor.fill()
        val draft = File(folder, "draft.png")
        var saved: ByteArray? = null
        editor.save(draft) { saved = it.readBytes() }
        assertContentEquals(expected(), decode(File(folder, "saved.png").apply { writeBytes(saved!!) }).read(Box(0, 0, 120, 160)).data)
        editor.save(draft) { throw IOException("write failed: ENOSPC (No space left on device)") }
        assertEquals("The photo could not be saved: the disk is full. What you did is still here.", said.last())
        assertTrue(!draft.exists())
        assertContentEquals(expected(), editor.pixels().data)
        val full = File(folder, "full")
        Files.createSymbolicLink(full.toPath(), Paths.get("/dev/full")) // a link, because what fails is removed
        editor.save(full) { error("nothing is delivered") }
        assertTrue("could not be saved" in said.last())
    }

    @Test
    fun `a sentence waits for a screen`() {
        val editor = opened()
        editor.failed = null
        editor.fill()
        assertEquals(emptyList(), said)
        editor.failed = said::add
        assertEquals(1, said.size)
        editor.failed = null
        editor.failed = said::add
        assertEquals(1, said.size)
    }

    @Test
    fun `pixels that no step needs are removed`() {
        val editor = opened()
        editor.paint(spot)
        editor.fill()
        editor.undo()
        editor.paint(spot)
        assertEquals(setOf("photo", "edit.json"), File(folder, "edit").list()!!.toSet())
    }

    private fun createTempDir() = File.createTempFile("wavefill", "").also { it.delete(); it.mkdirs() }
}
