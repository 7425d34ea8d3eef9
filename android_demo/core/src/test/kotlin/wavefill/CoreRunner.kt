package wavefill

import wavefill.artifact.Artifact
import wavefill.artifact.readArtifact
import wavefill.benchmark.Golden
import wavefill.benchmark.Host
import wavefill.benchmark.Runtime
import wavefill.benchmark.benchmark
import wavefill.edit.Document
import wavefill.edit.DocumentStore
import wavefill.edit.ECHO
import wavefill.edit.Editor
import wavefill.edit.Filling
import wavefill.edit.History
import wavefill.edit.Progress
import wavefill.edit.Side
import wavefill.edit.Step
import wavefill.edit.Stroke
import wavefill.fill.Box
import wavefill.fill.Network
import wavefill.fill.Raster
import wavefill.fill.inpaint
import wavefill.photo.Changes
import wavefill.photo.PhotoFile
import wavefill.photo.Pixels
import wavefill.photo.RasterPixels
import wavefill.photo.Turned
import wavefill.photo.savePhoto
import wavefill.runtime.OrtNetwork
import java.io.File
import java.io.RandomAccessFile
import java.util.concurrent.Executor
import javax.imageio.ImageIO

/** What Python's tests ask of the core; images are raw bytes, and sizes are told. */
fun main(arguments: Array<String>) {
    val rest = arguments.drop(1)
    when (val task = arguments[0]) {
        "save" -> rest.chunked(2).forEach { (from, to) -> save(File(from), File(to)) }
        "edit" -> rest.chunked(3).forEach { (from, to, stroke) -> edit(File(from), File(to), stroke.split(",").map(String::toFloat)) }
        "spot" -> spot(File(rest[0]), File(rest[1]), rest.drop(2).map(String::toInt))
        "parity" -> parity(File(rest[0]))
        "record" -> println(record(File(rest[0])))
        "fill" -> fill(File(rest[0]), rest.drop(1))
        "widen" -> widen(File(rest[0]), rest.drop(1))
        "memory" -> memory(rest)
        else -> error("no task $task")
    }
}

private val QUIET = object : Progress {
    override fun of(done: Int, all: Int) = Unit

    override val cancelled = false
}

/** Decodes a photo, turns it upright and saves it as the app does. */
private fun save(from: File, to: File) {
    val file = PhotoFile.read { from.inputStream() }
    val upright = Turned(RasterPixels(decoded(from)), file.orientation)
    savePhoto(upright, file, to)
    println("${file.suffix} ${file.orientation} ${file.lost}")
}

/** Opens a photo, paints a spot (x, y, width), fills and saves it, as the app does; beside the result, the pixels before and after, upright. */
private fun edit(from: File, to: File, spot: List<Float>) {
    val direct = Executor { it.run() }
    val decode = { file: File, described: PhotoFile -> Turned(RasterPixels(decoded(file)), described.orientation) }
    val editor = Editor(DocumentStore(File("$to-edit")), decode, { Filling(ECHO, 64) }, direct, direct)
    editor.failed = { error(it) }
    fun pixels() = editor.current()!!.let { it.read(Box(0, 0, it.height, it.width)) }
    editor.open { from.inputStream() }
    File("$to-before").writeBytes(pixels().data)
    editor.paint(Stroke(false, spot[2], floatArrayOf(spot[0], spot[1])))
    editor.fill()
    File("$to-after").writeBytes(pixels().data)
    editor.save(File("$to-draft")) { it.copyTo(to, overwrite = true) }
}

/** Saves a photo of some size in which a box became light; that the rest is dark is only said. */
private fun spot(from: File, to: File, sizes: List<Int>) {
    val light = Box(sizes[2], sizes[3], sizes[4], sizes[5])
    fun pixels(inside: Box?) = object : Pixels {
        override val height = sizes[0]
        override val width = sizes[1]

        override fun read(box: Box) = Raster(box.height, box.width, 3).also { raster ->
            val part = inside?.intersection(box)?.within(box) ?: return@also
            for (y in part.top until part.bottom) raster.data.fill(-1, 3 * (y * raster.width + part.left), 3 * (y * raster.width + part.right))
        }
    }
    val file = PhotoFile.read { from.inputStream() }
    check(savePhoto(pixels(light), file, to, Changes({ from.inputStream() }, pixels(null), listOf(light))))
}

private fun decoded(file: File): Raster {
    val image = ImageIO.read(file)
    val stored = image.raster
    // The stored values: getRGB would take grey ones for linear light.
    return Raster(image.height, image.width, 3).also {
        for (i in it.data.indices) it[i] = stored.getSample(i / 3 % image.width, i / 3 / image.width, if (stored.numBands == 1) 0 else i % 3)
    }
}

private fun artifact(folder: File): Artifact = readArtifact { File(folder, it).inputStream() }

/** What the app's screen of that name says: an app's assets, compared by the network and the fill in them. */
private fun parity(assets: File) {
    fun golden(name: String) = Golden.read(File(assets, "golden/$name.bin").inputStream())
    val artifact = artifact(File(assets, "model"))
    OrtNetwork(artifact, 2).use { network ->
        println("network ${golden("network").network(network).same} fill ${golden("fill").fill(network, artifact.manifest.size).same}")
    }
}

/** A record of a network that answers its golden image at once. */
private fun record(folder: File): String {
    val golden = Golden.read(File(folder, "golden.bin").inputStream())
    val network = Network { _, _ -> golden.result.copyOf() }
    val runtime = Runtime("onnxruntime-android", "1.29.0", "cpu", 2, 12.5)
    return benchmark(network, golden, artifact(folder).manifest, runtime, Host("a test", "chip", "arm64-v8a", "14", 8, { null }, { 12.5 }), "2026-01-01T00:00:00Z", QUIET)
}

/** Fills photos with the artefact, in ONNX Runtime: network and everything around it. */
private fun fill(folder: File, cases: List<String>) {
    val artifact = artifact(folder)
    OrtNetwork(artifact, 1).use { network ->
        System.err.println("onnxruntime ${network.version}")
        for ((place, height, width) in cases.chunked(3)) {
            val photo = Raster(height.toInt(), width.toInt(), 3, File(place, "photo.bin").readBytes())
            val mask = File(place, "mask.bin").readBytes()
            val size = artifact.manifest.size
            if (photo.height == size && photo.width == size) File(place, "network.bin").writeBytes(network.run(photo.data, mask))
            File(place, "result.bin").writeBytes(inpaint(photo, mask, network, size).data)
        }
    }
}

/** Widens a photo with the artefact. */
private fun widen(folder: File, arguments: List<String>) {
    val (place, height, width, side, amount) = arguments
    val photo = Raster(height.toInt(), width.toInt(), 3, File(place, "photo.bin").readBytes())
    val artifact = artifact(folder)
    OrtNetwork(artifact, 1).use { network ->
        val document = Document(Box(0, 0, photo.height, photo.width))
        val filling = Filling(network, artifact.manifest.size)
        val (_, _, pixels) = filling.widen(RasterPixels(photo), document, Side.valueOf(side), amount.toInt(), QUIET)
        File(place, "result.bin").writeBytes(pixels.data)
    }
}

/** Fills a spot of a photo that lies on the disk; whether the heap suffices is what is asked. */
private fun memory(arguments: List<String>) {
    val (place, height, width, brush) = arguments
    val photo = object : Pixels {
        override val height = height.toInt()
        override val width = width.toInt()

        override fun read(box: Box) = Raster(box.height, box.width, 3).also { result ->
            RandomAccessFile(File(place), "r").use { file ->
                for (y in 0 until box.height) {
                    file.seek(3L * ((box.top + y).toLong() * this.width + box.left))
                    file.readFully(result.data, 3 * y * box.width, 3 * box.width)
                }
            }
        }
    }
    val stroke = Stroke(false, brush.toFloat(), floatArrayOf(photo.width / 2f, photo.height / 2f))
    val document = Document(Box(0, 0, photo.height, photo.width), History().plus(Step.Paint(stroke)))
    val grey = Network { image, _ -> ByteArray(image.size) { 127 } }
    val (box, _) = Filling(grey, 256).fill(photo, document, QUIET)
    println("${box.height} ${box.width}")
}
