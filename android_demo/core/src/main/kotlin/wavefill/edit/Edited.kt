package wavefill.edit

import wavefill.fill.Box
import wavefill.fill.Raster
import wavefill.photo.Pixels
import wavefill.photo.copyPart

/** A photo with everything that was made lying on it. Boxes are asked for from the canvas's own corner. */
class Edited(private val photo: Pixels, private val document: Document, private val store: DocumentStore) : Pixels {
    private val canvas = document.canvas
    override val height get() = canvas.height
    override val width get() = canvas.width

    override fun read(box: Box): Raster {
        val place = box.moved(canvas.top, canvas.left)
        val result = Raster(box.height, box.width, 3)
        place.intersection(document.photo)?.let { copyPart(photo.read(it), it, result, place) }
        for (patch in document.patches) {
            val part = place.intersection(patch.box) ?: continue
            copyPart(store.read(patch, part), part, result, place)
        }
        return result
    }
}
