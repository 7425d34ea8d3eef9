package wavefill.app

import android.app.Application
import android.os.Handler
import android.os.Looper
import android.system.Os
import wavefill.artifact.Artifact
import wavefill.artifact.readArtifact
import wavefill.benchmark.Golden
import wavefill.edit.DocumentStore
import wavefill.edit.Editor
import wavefill.edit.Filling
import wavefill.runtime.DeviceNetwork
import java.io.File
import java.util.concurrent.Executor
import java.util.concurrent.Executors

private const val MOST_THREADS = 4

/** What outlives screens: the editor, the network, and two threads to work on. */
class WavefillApplication : Application() {
    private val main = Handler(Looper.getMainLooper())

    /** Runs things on the screen's thread. */
    val screen = Executor { main.post(it) }

    /** Edits, saves, measures: one thing after the other. */
    val worker: Executor = Executors.newSingleThreadExecutor()

    /** Draws previews, so that they do not wait for a fill. */
    val drawer: Executor = Executors.newSingleThreadExecutor()

    val artifact: Artifact by lazy { readArtifact { assets.open("model/$it") } }

    /** How long the runtime took to load the model, in milliseconds; 0 before it did. */
    var loadMs = 0.0
        private set

    val network: DeviceNetwork by lazy {
        val read = artifact
        val start = System.nanoTime()
        openNetwork(read, minOf(MOST_THREADS, Runtime.getRuntime().availableProcessors())).also { loadMs = (System.nanoTime() - start) / 1e6 }
    }

    val editor: Editor by lazy {
        val store = DocumentStore(File(filesDir, "edit"))
        Editor(store, ::openPhoto, { Filling(network, artifact.manifest.size) }, worker, screen).also { it.restore() }
    }

    override fun onCreate() {
        super.onCreate()
        // Before ONNX Runtime's library is loaded, which would report its use from then on.
        Os.setenv("ORT_DISABLE_TELEMETRY", "1", true)
    }

    /** What Python made of a photo, to compare with: `network` or `fill`. */
    fun golden(name: String): Golden = Golden.read(assets.open("golden/$name.bin"))
}
