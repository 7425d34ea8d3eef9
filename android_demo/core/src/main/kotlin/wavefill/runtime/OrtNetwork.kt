package wavefill.runtime

import ai.onnxruntime.OnnxJavaType
import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtException
import ai.onnxruntime.OrtSession
import wavefill.Failure
import wavefill.artifact.Artifact
import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * An artefact in ONNX Runtime. One run at a time; buffers are made once.
 *
 * The caller sets `ORT_DISABLE_TELEMETRY=1` before this class is loaded: from 1.29 on the runtime reports its use from its loading on.
 *
 * @param threads of one run.
 * @throws Failure the runtime refuses the model.
 */
class OrtNetwork(artifact: Artifact, override val threads: Int) : DeviceNetwork {
    private val size = artifact.manifest.size
    private val environment = OrtEnvironment.getEnvironment()
    private val session: OrtSession
    private val image = Input(size, 3)
    private val mask = Input(size, 1)

    override val runtime = "onnxruntime-android"
    override val version: String get() = environment.version

    init {
        if (artifact.manifest.backend != "onnx") throw Failure("The model cannot be used: it is for ${artifact.manifest.backend}, not for ONNX Runtime.")
        environment.setTelemetry(false)
        session = try {
            OrtSession.SessionOptions().use { options ->
                options.setIntraOpNumThreads(threads)
                environment.createSession(artifact.model, options)
            }
        } catch (error: OrtException) {
            throw Failure("The model cannot be used: ONNX Runtime refuses it (${error.message}).", error)
        }
    }

    @Synchronized
    override fun run(image: ByteArray, mask: ByteArray): ByteArray {
        this.image.put(image)
        this.mask.put(mask)
        val answer = try {
            session.run(mapOf("image" to this.image.tensor, "mask" to this.mask.tensor))
        } catch (error: OrtException) {
            throw Failure("The network could not be run (${error.message}).", error)
        }
        return answer.use { result -> ByteArray(size * size * 3).also { (result[0] as OnnxTensor).byteBuffer.get(it) } }
    }

    @Synchronized
    override fun close() {
        session.close()
        image.tensor.close()
        mask.tensor.close()
    }

    /** A tensor over memory that is written before each run. */
    private inner class Input(size: Int, channels: Int) {
        private val bytes = ByteBuffer.allocateDirect(size * size * channels).order(ByteOrder.nativeOrder())
        val tensor: OnnxTensor =
            OnnxTensor.createTensor(environment, bytes, longArrayOf(1, size.toLong(), size.toLong(), channels.toLong()), OnnxJavaType.UINT8)

        fun put(values: ByteArray) {
            require(values.size == bytes.capacity()) { "${bytes.capacity()} values are needed, got ${values.size}" }
            bytes.clear()
            bytes.put(values)
        }
    }
}
