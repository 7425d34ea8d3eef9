package wavefill.edit

import wavefill.fill.Raster
import wavefill.fill.floorDiv

/** Whether a photo is grey everywhere. models/photo/raster.py. */
internal fun isGrey(photo: Raster): Boolean = (0 until photo.data.size step 3).all { photo.data[it] == photo.data[it + 1] && photo.data[it] == photo.data[it + 2] }

/** Makes an image grey (ITU-R BT.601): the network gives colours even to a photo that has none. */
internal fun makeGrey(image: Raster) {
    for (at in image.data.indices step 3) {
        val luma = floorDiv(299 * image[at] + 587 * image[at + 1] + 114 * image[at + 2] + 500, 1000)
        for (channel in 0 until 3) image[at + channel] = luma
    }
}
