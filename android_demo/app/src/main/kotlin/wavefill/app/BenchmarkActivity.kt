package wavefill.app

import android.app.Activity
import android.content.Intent
import android.os.Build
import android.os.Bundle
import android.os.PowerManager
import android.view.View
import android.view.WindowManager
import android.widget.Button
import android.widget.ProgressBar
import android.widget.TextView
import wavefill.Failure
import wavefill.artifact.parseJson
import wavefill.benchmark.Host
import wavefill.benchmark.Runtime
import wavefill.benchmark.benchmark
import wavefill.edit.Progress
import java.io.File
import java.text.SimpleDateFormat
import java.util.Date
import java.util.Locale
import java.util.TimeZone
import java.util.concurrent.CancellationException

private const val RECORD = "record.json"

/** Measures the network on this phone, and shares the record. */
class BenchmarkActivity : Activity() {
    private val app get() = application as WavefillApplication
    private val bar get() = findViewById(R.id.bar) as ProgressBar
    private val start get() = findViewById(R.id.first) as Button
    private val share get() = findViewById(R.id.second) as Button
    private val result get() = findViewById(R.id.result) as TextView

    @Volatile
    private var left = false
    private var running = false

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.page)
        (findViewById(R.id.title) as TextView).setText(R.string.benchmark)
        (findViewById(R.id.text) as TextView).setText(R.string.benchmark_text)
        start.setText(R.string.start)
        start.visibility = View.VISIBLE
        start.setOnClickListener { if (running) left = true else measure() }
        share.setText(R.string.share_record)
        share.setOnClickListener { shareRecord() }
    }

    override fun onDestroy() {
        left = true
        super.onDestroy()
    }

    private fun measure() {
        running = true
        left = false
        start.setText(R.string.cancel)
        share.visibility = View.GONE
        bar.visibility = View.VISIBLE
        bar.isIndeterminate = true
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        val progress = object : Progress {
            override fun of(done: Int, all: Int) = app.screen.execute {
                bar.isIndeterminate = false
                bar.max = all
                bar.progress = done
                result.text = getString(R.string.benchmark_running, done, all)
            }

            override val cancelled get() = left
        }
        app.worker.execute {
            val (record, said) = try {
                record(progress) to ""
            } catch (error: CancellationException) {
                null to ""
            } catch (failure: Failure) {
                null to failure.message.orEmpty()
            }
            app.screen.execute { done(record, said) }
        }
    }

    private fun record(progress: Progress): String {
        val network = app.network
        val runtime = Runtime(network.runtime, network.version, "cpu", network.threads, app.loadMs)
        return benchmark(network, app.golden("network"), app.artifact.manifest, runtime, host(), now(), progress)
    }

    /** In UTC, ISO 8601; the stubs that this is built against have no java.time (Android 8). */
    private fun now() = SimpleDateFormat("yyyy-MM-dd'T'HH:mm:ss'Z'", Locale.ROOT).apply { timeZone = TimeZone.getTimeZone("UTC") }.format(Date())

    /** The model, its system and its processor; nothing that tells one phone from another of its kind. */
    private fun host() = Host(
        "${Build.MANUFACTURER} ${Build.MODEL}", Build.HARDWARE, Build.SUPPORTED_ABIS.first(), Build.VERSION.RELEASE,
        java.lang.Runtime.getRuntime().availableProcessors(), ::thermalStatus,
    ) { android.os.Debug.MemoryInfo().also(android.os.Debug::getMemoryInfo).totalPss / 1024.0 }

    /** By its name, because the stubs that this is built against are older than it (Android 10). */
    private fun thermalStatus(): Int? = try {
        PowerManager::class.java.getMethod("getCurrentThermalStatus").invoke(getSystemService(POWER_SERVICE)) as Int
    } catch (error: ReflectiveOperationException) {
        null
    }

    private fun done(record: String?, said: String) {
        running = false
        window.clearFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        start.setText(R.string.start)
        bar.visibility = View.INVISIBLE
        result.text = said
        if (record == null) return
        File(filesDir, RECORD).writeText(record)
        val tree = parseJson(record) as Map<*, *>
        val times = tree["times_ms"] as Map<*, *>
        val threads = (tree["runtime"] as Map<*, *>)["threads"]
        result.text = getString(R.string.benchmark_done, times["p50"], times["p90"], times["runs"], threads)
        share.visibility = View.VISIBLE
    }

    private fun shareRecord() {
        val copy = File(filesDir, RECORD).copyTo(File(cacheDir, RECORD), overwrite = true)
        val uri = ShareProvider.offer(this, copy, "wavefill-${app.artifact.manifest.name}.json")
        startActivity(Intent.createChooser(shareIntent(uri, "application/json"), getString(R.string.share_record)))
    }
}
