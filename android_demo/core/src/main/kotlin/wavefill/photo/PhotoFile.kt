package wavefill.photo

import wavefill.Failure
import java.io.InputStream

/**
 * What a photo's file says beside its pixels, and how the result is written.
 *
 * @property suffix of the result's name.
 * @property mime its kind.
 * @property orientation how the stored pixels are turned, 1 to 8.
 * @property lost what of the file the result will not hold, in words.
 * @property segments metadata of a JPEG, for pixels that were turned upright.
 * @property storedSegments the same for pixels as the file stores them; null: it is no JPEG.
 */
class PhotoFile private constructor(
    val suffix: String,
    val mime: String,
    val orientation: Int,
    val lost: List<String>,
    internal val form: JpegForm?,
    internal val segments: List<Segment>,
    internal val chunks: List<Chunk>,
    internal val storedSegments: List<Segment>? = null,
) {
    companion object {
        /**
         * Reads a file's description.
         *
         * @param open gives the file from its beginning, as often as it is asked.
         * @throws Failure a JPEG or PNG that is cut off.
         */
        fun read(open: () -> InputStream): PhotoFile {
            open().buffered().use(::readJpegHeader)?.let {
                if (!open().buffered().use(::isWholeJpeg)) throw CUT_OFF
                return ofJpeg(it)
            }
            open().buffered().use(::readPngChunks)?.let { return ofPng(it) }
            if (open().buffered().use(::isPng)) throw CUT_OFF
            return PhotoFile("jpg", "image/jpeg", 1, listOf("its metadata"), JpegForm.DEFAULT, listOf(JFIF), emptyList())
        }

        private fun ofJpeg(header: JpegHeader): PhotoFile {
            val lost = ArrayList<String>()
            val exif = header.segments.firstOrNull { it.marker == APP1 && it.begins(EXIF) }?.let { segment ->
                runCatching { Exif(segment.payload.copyOfRange(EXIF.length, segment.payload.size)) }.onFailure { lost += "its damaged EXIF" }.getOrNull()
            }
            if (header.segments.any { it.marker == APP1 && it.begins(XMP) && it.speaksOfAnother() }) lost += "the second image in it"
            val orientation = exif?.orientation ?: 1
            val form = JpegForm.of(header).let { if (orientation in 5..8) exchanged(it) else it }
            val (upright, stored) = carried(header, exif, true) to carried(header, exif, false)
            return PhotoFile("jpg", "image/jpeg", orientation, lost, form, upright, emptyList(), stored)
        }

        /** What describes a photo: of one that was turned, upright. */
        private fun carried(header: JpegHeader, exif: Exif?, upright: Boolean): List<Segment> {
            val kept = ArrayList<Segment>()
            for (segment in header.segments) when {
                segment.marker == APP0 && segment.begins("JFIF\u0000") -> kept += segment
                segment.marker == APP1 && segment.begins(EXIF) -> Unit // below
                segment.marker == APP1 && segment.begins(XMP) -> if (!segment.speaksOfAnother()) kept += if (upright) uprightXmp(segment) else segment
                // A profile of four inks does not describe the three colours that are written.
                segment.marker == APP2 && segment.begins("ICC_PROFILE\u0000") && header.components.size != 4 -> kept += segment
                segment.marker == APP13 && segment.begins("Photoshop 3.0\u0000") -> kept += segment // IPTC
                // How the colours of these blocks are coded.
                segment.marker == APP14 && segment.begins("Adobe") && !upright -> kept += segment
                segment.marker == COMMENT -> kept += segment
            }
            if (exif != null) {
                val place = if (kept.firstOrNull()?.marker == APP0) 1 else 0
                kept.add(place, Segment(APP1, EXIF.toByteArray(Charsets.ISO_8859_1) + exif.carried(upright)))
            }
            return kept
        }

        private fun ofPng(chunks: List<Chunk>): PhotoFile {
            val kept = chunks.mapNotNull { chunk ->
                if (chunk.kind != "eXIf") chunk else runCatching { Chunk(chunk.kind, Exif(chunk.data).carried(true)) }.getOrNull()
            }
            return PhotoFile("png", "image/png", 1, emptyList(), null, emptyList(), kept)
        }

        /** Chroma that was halved across is halved down in a photo that was turned. */
        private fun exchanged(form: JpegForm) = JpegForm(form.grey, form.down, form.across, form.tables)
    }
}

private val CUT_OFF get() = Failure("The photo is damaged: its file is cut off. Get it again from where it came from.")

internal const val APP0 = 0xe0
private const val APP1 = 0xe1
private const val APP2 = 0xe2
private const val APP13 = 0xed
internal const val APP14 = 0xee
internal const val COMMENT = 0xfe
private const val EXIF = "Exif\u0000\u0000"
private const val XMP = "http://ns.adobe.com/xap/1.0/\u0000"
private val JFIF = Segment(APP0, "JFIF\u0000".toByteArray(Charsets.ISO_8859_1) + byteArrayOf(1, 2, 0, 0, 1, 0, 1, 0, 0))

/** Whether XMP speaks of an image behind the photo (a gain map, a depth map), which is not carried. */
private fun Segment.speaksOfAnother() = String(payload, Charsets.ISO_8859_1).let { "Container:Directory" in it || "hdrgm:" in it }

/** XMP whose orientation is 1. */
private fun uprightXmp(segment: Segment): Segment {
    val text = String(segment.payload, Charsets.ISO_8859_1)
    val turned = text.replace(Regex("(tiff:Orientation\\s*=\\s*[\"'])[2-8]([\"'])"), "$11$2")
        .replace(Regex("(<tiff:Orientation>)[2-8](</tiff:Orientation>)"), "$11$2")
    return Segment(segment.marker, turned.toByteArray(Charsets.ISO_8859_1))
}
