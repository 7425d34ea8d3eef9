package wavefill.edit

import java.io.ByteArrayOutputStream
import java.io.File
import java.io.IOException
import java.io.OutputStream
import kotlin.test.AfterTest
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNull
import kotlin.test.assertTrue

class DeliveryTest {
    private val folder = File.createTempFile("wavefill", "").also { it.delete(); it.mkdirs() }
    private val finished = File(folder, "finished").also { it.writeBytes(ByteArray(100_000) { 1 }) }
    private val spare = File(folder, "spare")

    @AfterTest
    fun tidy() {
        folder.deleteRecursively()
    }

    /** A document on a disk with so much room; a failure of another kind where the room is -1. */
    private inner class Document(var content: ByteArray?, private val room: Int) : Place {
        override fun read() = content?.inputStream()

        override fun write(): OutputStream {
            content = ByteArray(0)
            return object : OutputStream() {
                private val written = ByteArrayOutputStream()

                override fun write(byte: Int) = write(byteArrayOf(byte.toByte()), 0, 1)

                override fun write(bytes: ByteArray, from: Int, length: Int) {
                    if (room < 0) throw IllegalStateException("a provider of another app")
                    written.write(bytes, from, minOf(length, room - written.size()))
                    content = written.toByteArray()
                    if (written.size() == room) throw IOException("write failed: ENOSPC (No space left on device)")
                }
            }
        }

        override fun remove() {
            content = null
        }
    }

    private fun gone() = assertTrue(!finished.exists() && !spare.exists())

    @Test
    fun `a file arrives, in a new document and in place of another`() {
        for (before in listOf(null, ByteArray(0), ByteArray(500_000))) {
            finished.writeBytes(ByteArray(100_000) { 1 })
            val document = Document(before, 200_000)
            deliver(finished, document, spare)
            assertContentEquals(ByteArray(100_000) { 1 }, document.content)
            gone()
        }
    }

    @Test
    fun `on a full disk a new document is removed, and one that was there stays as it was`() {
        for (nothing in listOf(null, ByteArray(0))) {
            finished.writeBytes(ByteArray(100_000) { 1 })
            val document = Document(nothing, 50_000)
            assertTrue("full" in reason(assertFailsWith<IOException> { deliver(finished, document, spare) }))
            assertNull(document.content)
            gone()
        }
        finished.writeBytes(ByteArray(100_000) { 1 })
        val photo = ByteArray(40_000) { it.toByte() }
        val document = Document(photo, 50_000)
        assertFailsWith<IOException> { deliver(finished, document, spare) }
        assertContentEquals(photo, document.content)
        gone()
    }

    @Test
    fun `whatever the other app throws is one kind of failure`() {
        assertFailsWith<IOException> { deliver(finished, Document(null, -1), spare) }
        gone()
    }

    @Test
    fun `where what is there cannot be kept, it is not touched`() {
        val photo = ByteArray(40_000) { it.toByte() }
        val document = Document(photo, 200_000)
        assertFailsWith<IOException> { deliver(finished, document, File(folder, "no/such/folder")) }
        assertContentEquals(photo, document.content)
    }
}
