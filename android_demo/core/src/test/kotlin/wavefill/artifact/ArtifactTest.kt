package wavefill.artifact

import wavefill.Failure
import java.io.FileNotFoundException
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

/** A manifest as export writes it, with holes to put other values in. */
internal fun manifestText(model: ByteArray, change: (MutableMap<String, Any?>) -> Unit = {}): String {
    val (size, hash) = model.size to sha256(model)
    fun port(name: String, channels: Int) = mapOf("dtype" to "uint8", "name" to name, "shape" to listOf(1, 256, 256, channels))
    val tree = mutableMapOf<String, Any?>(
        "backend" to "onnx", "calibration_sha256" to null, "checkpoint_sha256" to "1".repeat(64), "checks" to "on",
        "files" to listOf(mapOf("bytes" to size, "name" to "model.onnx", "sha256" to hash)), "io" to "uint8", "macs" to 1,
        "metadata" to mapOf("wavefill.licence" to "research only"), "minimum_target" to "onnx", "model_file" to "model.onnx", "parity" to null,
        "recipe_sha256" to "2".repeat(64), "schema_version" to 1, "scheme" to "w8a8",
        "signature" to mapOf("inputs" to listOf(port("image", 3), port("mask", 1)), "outputs" to listOf(port("result", 3))),
        "size" to 256, "size_bytes" to size, "spec" to "wavefill-s", "tools" to mapOf("onnx" to "1"), "weight_bits" to 7,
    )
    return writeJson(tree.also(change), " ")
}

class ArtifactTest {
    private val model = ByteArray(5000) { (it * 31).toByte() }

    private fun files(manifest: String = manifestText(this.model), model: ByteArray = this.model) = mutableMapOf(
        "manifest.json" to manifest.toByteArray(), "model.onnx" to model,
        "SHA256SUMS" to "${sha256(manifest.toByteArray())}  manifest.json\n${sha256(this.model)}  model.onnx\n".toByteArray(),
    )

    private fun read(files: Map<String, ByteArray>) = readArtifact { name -> files[name]?.inputStream() ?: throw FileNotFoundException(name) }

    @Test
    fun `an artefact that is as its hashes say is read`() {
        val artifact = read(files())
        assertContentEquals(model, artifact.model)
        assertEquals("wavefill-s-256-onnx-w8a8", artifact.manifest.name)
        assertEquals("research only", artifact.manifest.licence)
    }

    @Test
    fun `any changed byte of the model is refused`() {
        for (place in listOf(0, 1, 2500, 4999)) {
            val other = model.copyOf().also { it[place] = (it[place] + 1).toByte() }
            val failure = assertFailsWith<Failure> { read(files(model = other)) }
            assertTrue("model.onnx is not the file" in failure.message!!, failure.message)
        }
    }

    @Test
    fun `a model that is longer or shorter is refused`() {
        assertFailsWith<Failure> { read(files(model = model + 1)) }
        assertFailsWith<Failure> { read(files(model = model.copyOf(4999))) }
    }

    @Test
    fun `a manifest that was changed is refused though the model fits it`() {
        val other = model.copyOf().also { it[7] = 0 }
        val changed = files(model = other).also { it["manifest.json"] = manifestText(other).toByteArray() }
        assertTrue("manifest.json is not the file" in assertFailsWith<Failure> { read(changed) }.message!!)
    }

    @Test
    fun `every missing file is one sentence`() {
        for (name in files().keys) {
            val failure = assertFailsWith<Failure> { read(files() - name) }
            assertTrue(name in failure.message!! && failure.message!!.endsWith("."), failure.message)
        }
    }

    @Test
    fun `bad manifests are refused with what is wrong`() {
        val bad = mapOf<String, (MutableMap<String, Any?>) -> Unit>(
            "schema_version" to { it["schema_version"] = 2 },
            "backend" to { it["backend"] = "coreml" },
            "io" to { it["io"] = "float" },
            "size" to { it["size"] = 0 },
            "signature" to { it["size"] = 512 },
            "keys" to { it["more"] = 1 },
            "keys: " to { it.remove("tools") },
            "files" to { it["files"] = emptyList<Any>() },
            "model_file" to { it["model_file"] = "../model.onnx"; it["files"] = listOf((it["files"] as List<*>)[0].let { (it as Map<*, *>) + ("name" to "../model.onnx") }) },
            "size_bytes" to { it["size_bytes"] = 1 },
            "sha256" to { it["checkpoint_sha256"] = "abc" },
            "wavefill.licence" to { it["metadata"] = emptyMap<String, String>() },
            "spec" to { it["spec"] = 5 },
        )
        for ((what, change) in bad) {
            val error = assertFailsWith<IllegalArgumentException>(what) { parseManifest(manifestText(model, change)) }
            assertTrue(what in error.message!!, "$what: ${error.message}")
        }
    }
}

class JsonTest {
    @Test
    fun `what is written is read again`() {
        val value = mapOf("a" to listOf(1L, -2.5, true, null, "ä\"\\\n\u0001"), "b" to emptyMap<String, Any>(), "c" to emptyList<Any>())
        assertEquals(value, parseJson(writeJson(value)))
        assertEquals(value, parseJson(writeJson(value, "  ")))
    }

    @Test
    fun `what is no JSON is refused`() {
        val texts = listOf(
            "", "{", "[1,]", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "01", "1.", "+1", "nul", "\"\u0001\"", "\"\\x\"", "\"\\u12\"", "1 2", "[".repeat(100), "1e999",
            "99999999999999999999", "'a'", "{a:1}", "NaN",
        )
        for (text in texts) assertFailsWith<IllegalArgumentException>(text) { parseJson(text) }
    }

    @Test
    fun `numbers keep their kind`() {
        assertEquals(listOf(1L, 1.0, 1e3, -0.5), parseJson("[1, 1.0, 1e3, -0.5]"))
    }
}
