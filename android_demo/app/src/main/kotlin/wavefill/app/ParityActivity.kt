package wavefill.app

import android.app.Activity
import android.os.Bundle
import android.view.View
import android.widget.ProgressBar
import android.widget.TextView
import wavefill.Failure
import wavefill.benchmark.Distance

/** Whether this phone computes what Python computed. */
class ParityActivity : Activity() {
    private val app get() = application as WavefillApplication

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.page)
        (findViewById(R.id.title) as TextView).setText(R.string.parity)
        (findViewById(R.id.text) as TextView).setText(R.string.parity_text)
        val bar = findViewById(R.id.bar) as ProgressBar
        bar.visibility = View.VISIBLE
        bar.isIndeterminate = true
        app.worker.execute {
            val said = try {
                compared()
            } catch (failure: Failure) {
                failure.message.orEmpty()
            } catch (error: OutOfMemoryError) {
                getString(R.string.memory)
            }
            app.screen.execute {
                bar.visibility = View.INVISIBLE
                (findViewById(R.id.result) as TextView).text = said
            }
        }
    }

    private fun compared(): String {
        val network = app.golden("network").network(app.network)
        val fill = app.golden("fill").fill(app.network, app.artifact.manifest.size)
        return listOf(
            getString(if (network.same && fill.same) R.string.parity_yes else R.string.parity_no),
            getString(R.string.parity_network, told(network)),
            getString(R.string.parity_fill, told(fill)),
            "ONNX Runtime ${app.network.version}, ${app.artifact.manifest.name}",
        ).joinToString("\n\n")
    }

    private fun told(distance: Distance) = when {
        distance.same -> getString(R.string.parity_same)
        !distance.kept -> getString(R.string.parity_kept)
        else -> getString(R.string.parity_apart, distance.most, 100 * distance.share)
    }
}
