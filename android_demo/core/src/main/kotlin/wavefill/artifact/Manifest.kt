package wavefill.artifact

private const val SCHEMA_VERSION = 1L

private val KEYS = setOf(
    "backend", "calibration_sha256", "checkpoint_sha256", "checks", "files", "io", "macs", "metadata", "minimum_target", "model_file", "parity",
    "recipe_sha256", "schema_version", "scheme", "signature", "size", "size_bytes", "spec", "tools", "weight_bits",
)
private val FILE_KEYS = setOf("bytes", "name", "sha256")
private val SHA256 = Regex("[0-9a-f]{64}")

/**
 * What an artefact says of itself: the part of export/artifact/manifest.py's that an app needs.
 *
 * @property name of the artefact's folder, made from the other fields.
 * @property size height and width in pixels that the network takes.
 * @property bytes length of the model file.
 * @property licence of the weights.
 */
class Manifest(
    val backend: String,
    val scheme: String,
    val spec: String,
    val size: Int,
    val modelFile: String,
    val bytes: Int,
    val sha256: String,
    val checkpointSha256: String,
    val licence: String,
) {
    val name get() = "$spec-$size-$backend-$scheme"
}

private val BACKENDS = setOf("onnx", "litert")

/**
 * Reads a manifest of an ONNX or LiteRT artefact with pixels at both ends.
 *
 * @throws IllegalArgumentException anything but that; the message says what.
 */
fun parseManifest(text: String): Manifest {
    val tree = parseJson(text) as? Map<*, *> ?: wrong("an object is expected")
    if (tree["schema_version"] != SCHEMA_VERSION) wrong("schema_version ${tree["schema_version"]}, this program reads $SCHEMA_VERSION")
    same("keys", tree.keys, KEYS)
    val backend = text(tree, "backend")
    if (backend !in BACKENDS) wrong("backend: ${BACKENDS.joinToString(" or ")} is expected, not $backend")
    same("io", tree["io"], "uint8")
    val size = whole(tree, "size", 16L..4096L).toInt()
    same("signature", tree["signature"], signature(size))
    val modelFile = text(tree, "model_file")
    val files = tree["files"] as? List<*> ?: wrong("files: a list is expected")
    val model = files.filterIsInstance<Map<*, *>>().singleOrNull { it["name"] == modelFile } ?: wrong("files: $modelFile is expected once")
    same("keys of a file", model.keys, FILE_KEYS)
    if ('/' in modelFile || modelFile.startsWith(".")) wrong("model_file: the name of a file is expected")
    val bytes = whole(model, "bytes", 1L..(1L shl 30))
    same("size_bytes", tree["size_bytes"], bytes)
    val metadata = tree["metadata"] as? Map<*, *> ?: wrong("metadata: an object is expected")
    val (hash, checkpoint) = text(model, "sha256") to text(tree, "checkpoint_sha256")
    if (!SHA256.matches(hash) || !SHA256.matches(checkpoint)) wrong("sha256: 64 hexadecimal digits are expected")
    return Manifest(backend, text(tree, "scheme"), text(tree, "spec"), size, modelFile, bytes.toInt(), hash, checkpoint, text(metadata, "wavefill.licence"))
}

/** The public signature: photo and mask in, filled photo out, all bytes. */
private fun signature(size: Int): Map<String, Any> {
    fun port(name: String, channels: Long) = mapOf("dtype" to "uint8", "name" to name, "shape" to listOf(1L, size.toLong(), size.toLong(), channels))
    return mapOf("inputs" to listOf(port("image", 3), port("mask", 1)), "outputs" to listOf(port("result", 3)))
}

private fun wrong(what: String): Nothing = throw IllegalArgumentException("manifest.json: $what")

private fun same(what: String, got: Any?, expected: Any) {
    if (got != expected) wrong("$what: $expected is expected, not $got")
}

private fun text(tree: Map<*, *>, key: String) = tree[key] as? String ?: wrong("$key: a text is expected")

private fun whole(tree: Map<*, *>, key: String, range: LongRange) =
    (tree[key] as? Long)?.takeIf { it in range } ?: wrong("$key: a whole number in $range is expected, not ${tree[key]}")
