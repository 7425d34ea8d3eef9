package wavefill.fill

import java.io.File
import java.util.Properties
import kotlin.system.exitProcess

/**
 * Runs one golden case: a folder with `case.properties` (sizes and parameters) and raw bytes of photo, mask, what the network was asked and
 * what it answered. Writes `result.bin`; exit code 1 where the network is asked something else.
 */
fun main(arguments: Array<String>) {
    for (folder in arguments.map(::File)) {
        val case = Properties().apply { File(folder, "case.properties").inputStream().use(::load) }
        fun number(name: String) = case.getProperty(name).toInt()
        fun bytes(name: String) = File(folder, name).readBytes()
        var asked = 0
        val recorded = Network { image, mask ->
            val same = asked < number("calls") && image.contentEquals(bytes("image$asked.bin")) && mask.contentEquals(bytes("mask$asked.bin"))
            if (!same) {
                System.err.println("${folder.name}: the network was asked something else")
                exitProcess(1)
            }
            bytes("answer${asked++}.bin")
        }
        val parameters = if (case.getProperty("parameters") == "none") null else Parameters(
            number("band"), number("middle"), number("patch"), number("samples"), number("coherence"), number("reuse"),
            number("echo"), number("rows"), number("columns"), number("sweeps"), number("shallow"), number("fade"),
            number("tone_variance"), number("colour"), number("seam_variance"), number("seam_levels"), number("seam_limit"),
            number("coarse"), number("crowd"),
        )
        val photo = Raster(number("height"), number("width"), 3, bytes("photo.bin"))
        val start = System.nanoTime()
        val result = inpaint(photo, bytes("mask.bin"), recorded, number("size"), parameters)
        println("${folder.name}: ${(System.nanoTime() - start) / 1_000_000} ms")
        if (asked != number("calls")) exitProcess(1)
        File(folder, "result.bin").writeBytes(result.data)
    }
}
