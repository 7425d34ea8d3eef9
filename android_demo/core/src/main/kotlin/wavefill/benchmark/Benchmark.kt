package wavefill.benchmark

import wavefill.artifact.Manifest
import wavefill.artifact.writeJson
import wavefill.edit.Progress
import wavefill.fill.Network
import java.util.concurrent.CancellationException

private const val WARM_UPS = 10
private const val RUNS = 50
private const val FEWEST = 10
private const val MOST_NANOSECONDS = 5_000_000_000L
private const val SCHEMA = "wavefill-record-1"

/**
 * What a device says of itself.
 *
 * @property model of the phone, as its maker calls it.
 * @property chip of the phone.
 * @property abi processor that the app runs on.
 * @property system Android's version.
 * @property thermal Android's thermal status, 0 none to 6 shutdown; null: this Android does not tell.
 * @property usedMb memory that the app has, in MB.
 */
class Host(
    val model: String, val chip: String, val abi: String, val system: String, val cores: Int, val thermal: () -> Int?, val usedMb: () -> Double?,
)

/** The runtime, and how long it took to load the model. */
class Runtime(val name: String, val version: String, val provider: String, val threads: Int, val loadMs: Double)

/**
 * Measures a network as the page for phones does (docs/phone.md): ten runs to warm up, then fifty, or as many as five seconds take.
 *
 * @param started time of day in UTC, ISO 8601.
 * @return a record of kind `android` of benchmarks/records/schema.py, as JSON.
 * @throws CancellationException it was cancelled.
 */
fun benchmark(
    network: Network, golden: Golden, manifest: Manifest, runtime: Runtime, host: Host, started: String, progress: Progress, clock: () -> Long = System::nanoTime,
): String {
    fun once(): Pair<Double, ByteArray> {
        if (progress.cancelled) throw CancellationException("the benchmark was cancelled")
        val start = clock()
        val result = network.run(golden.photo, golden.mask)
        return (clock() - start) / 1e6 to result
    }
    val before = host.thermal()
    val (first, result) = once()
    repeat(WARM_UPS - 1) { once() }
    val times = ArrayList<Double>()
    val start = clock()
    while (times.size < FEWEST || times.size < RUNS && clock() - start < MOST_NANOSECONDS) {
        times += once().first
        progress.of(times.size, RUNS)
    }
    val after = host.thermal()
    val apart = distance(result, golden.result, golden.mask)
    val record = mapOf(
        "schema" to SCHEMA,
        "kind" to "android",
        "artifact" to mapOf(
            "name" to manifest.name, "scheme" to manifest.scheme, "size" to manifest.size, "bytes" to manifest.bytes, "sha256" to manifest.sha256,
            "checkpoint_sha256" to manifest.checkpointSha256, "operators" to mapOf("total" to null, "delegated" to null),
        ),
        "runtime" to mapOf("name" to runtime.name, "version" to runtime.version, "provider" to runtime.provider, "threads" to runtime.threads),
        "host" to mapOf(
            "model" to host.model, "soc" to host.chip, "abi" to host.abi, "system" to host.system, "cores" to host.cores, "governors" to emptyList<String>(),
            "thermal_before" to before, "thermal_after" to after, "throttled" to after?.let { it > 0 },
        ),
        "times_ms" to mapOf("load" to runtime.loadMs, "first" to first, "warm_ups" to WARM_UPS) + describe(times),
        "memory_mb" to mapOf("load_peak" to null, "steady_peak" to host.usedMb()),
        "golden" to mapOf(
            "max_level_difference" to if (apart.kept) apart.most else 255, "differing_share" to if (apart.kept) apart.share else 1.0,
            "hole_psnr_db" to apart.psnr, "same" to apart.same,
        ),
        "run" to mapOf("id" to "app-$started", "started" to started, "commit" to null, "changed" to null),
    )
    return writeJson(record, indent = " ") + "\n"
}
