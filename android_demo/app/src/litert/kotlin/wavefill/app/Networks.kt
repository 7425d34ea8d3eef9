package wavefill.app

import org.tensorflow.lite.Interpreter
import org.tensorflow.lite.TensorFlowLite
import wavefill.Failure
import wavefill.artifact.Artifact
import wavefill.runtime.DeviceNetwork
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** The model in LiteRT. Written for com.google.ai.edge.litert:litert, which only Gradle can get: this file was not compiled with it yet. */
fun openNetwork(artifact: Artifact, threads: Int): DeviceNetwork = LiteRtNetwork(artifact, threads)

private class LiteRtNetwork(artifact: Artifact, override val threads: Int) : DeviceNetwork {
    override val runtime = "litert"
    override val version: String = TensorFlowLite.runtimeVersion()
    private val interpreter: Interpreter
    private val image = direct(artifact.manifest.size * artifact.manifest.size * 3)
    private val mask = direct(artifact.manifest.size * artifact.manifest.size)
    private val result = direct(artifact.manifest.size * artifact.manifest.size * 3)

    init {
        if (artifact.manifest.backend != "litert") throw Failure("The model cannot be used: it is for ${artifact.manifest.backend}, not for LiteRT.")
        interpreter = try {
            Interpreter(direct(artifact.model.size).put(artifact.model), Interpreter.Options().setNumThreads(threads))
        } catch (error: IllegalArgumentException) {
            throw Failure("The model cannot be used: LiteRT refuses it (${error.message}).", error)
        }
    }

    @Synchronized
    override fun run(image: ByteArray, mask: ByteArray): ByteArray {
        this.image.clear()
        this.image.put(image)
        this.mask.clear()
        this.mask.put(mask)
        result.clear()
        interpreter.runSignature(mapOf<String, Any>("image" to this.image, "mask" to this.mask), mapOf<String, Any>("result" to result))
        result.rewind()
        return ByteArray(result.capacity()).also { result.get(it) }
    }

    override fun close() = interpreter.close()

    private fun direct(size: Int): ByteBuffer = ByteBuffer.allocateDirect(size).order(ByteOrder.nativeOrder())
}
