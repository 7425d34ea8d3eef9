package wavefill.app

import wavefill.Failure
import wavefill.artifact.Artifact
import wavefill.runtime.DeviceNetwork
import wavefill.runtime.OrtNetwork

/**
 * The model in ONNX Runtime.
 *
 * @throws Failure the model or the phone's processor is not one that the app was built for.
 */
fun openNetwork(artifact: Artifact, threads: Int): DeviceNetwork = try {
    OrtNetwork(artifact, threads)
} catch (error: LinkageError) {
    throw Failure("The network cannot be run: this app was not built for the processor of this phone.", error)
}
