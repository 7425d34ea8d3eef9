package wavefill.artifact

import wavefill.Failure
import java.io.ByteArrayOutputStream
import java.io.IOException
import java.io.InputStream
import java.security.MessageDigest

private const val MOST_TEXT = 1 shl 20

/** A model with its manifest, read and checked. */
class Artifact(val manifest: Manifest, val model: ByteArray)

/**
 * Reads an artefact's folder and checks every byte against its hashes, before any runtime sees the model.
 *
 * @param open a file of the folder by its name: of assets, or of a disk.
 * @throws Failure a file is missing, too long, or not the one that the hashes are of; or a manifest of something else.
 */
fun readArtifact(open: (String) -> InputStream): Artifact {
    val sums = sums(String(read("SHA256SUMS", MOST_TEXT, open), Charsets.UTF_8))
    val text = read("manifest.json", MOST_TEXT, open)
    check("manifest.json", text, sums["manifest.json"])
    val manifest = try {
        parseManifest(String(text, Charsets.UTF_8))
    } catch (error: IllegalArgumentException) {
        throw Failure("The model cannot be used: ${error.message}.", error)
    }
    val model = read(manifest.modelFile, manifest.bytes, open)
    check(manifest.modelFile, model, manifest.sha256)
    check(manifest.modelFile, model, sums[manifest.modelFile])
    return Artifact(manifest, model)
}

/** The SHA-256 of bytes in hexadecimal digits. */
fun sha256(content: ByteArray): String = MessageDigest.getInstance("SHA-256").digest(content).joinToString("") { "%02x".format(it) }

private fun check(name: String, content: ByteArray, expected: String?) {
    if (sha256(content) != expected) throw Failure("The model cannot be used: $name is not the file that its hash was made of. Install the app again.")
}

private fun sums(text: String): Map<String, String> = text.lines().filter { it.isNotEmpty() }.associate { line ->
    val parts = line.split("  ", limit = 2)
    if (parts.size != 2) throw Failure("The model cannot be used: SHA256SUMS is damaged. Install the app again.")
    parts[1] to parts[0]
}

private fun read(name: String, most: Int, open: (String) -> InputStream): ByteArray = try {
    open(name).use { stream ->
        val result = ByteArrayOutputStream(minOf(most, MOST_TEXT))
        val buffer = ByteArray(1 shl 16)
        while (true) {
            val count = stream.read(buffer)
            if (count < 0) break
            result.write(buffer, 0, count)
            if (result.size() > most) throw Failure("The model cannot be used: $name has more than $most bytes.")
        }
        result.toByteArray()
    }
} catch (error: IOException) {
    throw Failure("The model cannot be used: $name cannot be read.", error)
}
