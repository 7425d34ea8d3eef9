package wavefill.benchmark

import kotlin.math.abs
import kotlin.math.log10

/** A share's quantile of values, by linear interpolation, as NumPy's default. */
fun quantile(values: List<Double>, share: Double): Double {
    val sorted = values.sorted()
    val place = share * (sorted.size - 1)
    val below = place.toInt()
    return sorted[below] + (place - below) * (sorted[minOf(below + 1, sorted.size - 1)] - sorted[below])
}

/** Times of many runs as a record has them; the first and the last tenth part where a device gets hot. */
fun describe(times: List<Double>): Map<String, Any> {
    val tenth = maxOf(1, times.size / 10)
    return mapOf(
        "runs" to times.size, "min" to times.min(), "p50" to quantile(times, 0.5), "p90" to quantile(times, 0.9), "p99" to quantile(times, 0.99),
        "first_tenth" to times.take(tenth).average(), "last_tenth" to times.takeLast(tenth).average(),
    )
}

/**
 * How far two results are apart.
 *
 * @property most levels that a value of the hole is apart.
 * @property share of the hole's values that differ, 0 to 1.
 * @property psnr over the hole in dB; null: every value is equal.
 * @property kept whether every pixel that the mask keeps is equal.
 */
class Distance(val most: Int, val share: Double, val psnr: Double?, val kept: Boolean) {
    /** The same bytes. */
    val same get() = most == 0 && kept
}

fun distance(result: ByteArray, expected: ByteArray, mask: ByteArray): Distance {
    require(result.size == expected.size && result.size == 3 * mask.size) { "results and mask of one size are needed" }
    var (most, differing) = 0 to 0
    var (squared, values) = 0L to 0
    var kept = true
    for (i in result.indices) {
        val difference = abs((result[i].toInt() and 0xff) - (expected[i].toInt() and 0xff))
        if ((mask[i / 3].toInt() and 0xff) < 128) {
            if (difference > 0) kept = false
            continue
        }
        values++
        if (difference > 0) differing++
        squared += difference.toLong() * difference
        most = maxOf(most, difference)
    }
    return Distance(most, differing.toDouble() / maxOf(1, values), if (squared == 0L) null else 10 * log10(255.0 * 255 * values / squared), kept)
}
