package wavefill.benchmark

import wavefill.Failure
import wavefill.fill.Network
import wavefill.fill.Raster
import wavefill.fill.inpaint
import java.io.IOException
import java.io.InputStream

/**
 * A photo, a mask, and what Python and ONNX Runtime on a computer made of them.
 *
 * @property photo height x width x 3 bytes.
 * @property mask height x width bytes, 128 and more: filled.
 * @property result height x width x 3 bytes.
 */
class Golden(val height: Int, val width: Int, val photo: ByteArray, val mask: ByteArray, val result: ByteArray) {
    /** What the network alone makes of it here; for a golden of the network's size. */
    fun network(network: Network) = distance(network.run(photo, mask), result, mask)

    /** What the whole fill makes of it here: network, tone, detail, seam. */
    fun fill(network: Network, size: Int) = distance(inpaint(Raster(height, width, 3, photo), mask, network, size).data, result, mask)

    companion object {
        /**
         * Reads height and width, each four bytes with the highest first, then the photo, the mask, and the result less the photo, byte by byte.
         *
         * @throws Failure it is cut off.
         */
        fun read(stream: InputStream): Golden = try {
            java.io.DataInputStream(stream).use { from ->
                val (height, width) = from.readInt() to from.readInt()
                if (height !in 1..4096 || width !in 1..4096) throw Failure("The golden image is damaged. Install the app again.")
                fun bytes(channels: Int) = ByteArray(height * width * channels).also(from::readFully)
                val (photo, mask, change) = Triple(bytes(3), bytes(1), bytes(3))
                Golden(height, width, photo, mask, ByteArray(photo.size) { (photo[it] + change[it]).toByte() })
            }
        } catch (error: IOException) {
            throw Failure("The golden image is damaged. Install the app again.", error)
        }
    }
}
