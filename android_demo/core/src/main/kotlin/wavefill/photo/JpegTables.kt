package wavefill.photo

/** Zigzag place to place in rows (ITU-T T.81, figure A.6). */
internal val ZIGZAG: IntArray = (0 until 64).sortedWith(
    compareBy({ it / 8 + it % 8 }, { if ((it / 8 + it % 8) % 2 == 1) it / 8 else it % 8 }),
).toIntArray()

/** Steps of luma and chroma at quality 50, in rows (T.81, tables K.1 and K.2). */
private const val LUMA_50 = "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 " +
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
private const val CHROMA_50 = "17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99 " +
    "99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99"

/** Quantisation steps in zigzag order, as libjpeg scales them; quality 50 to 100. */
internal fun quantisationOf(quality: Int): List<IntArray> = listOf(LUMA_50, CHROMA_50).map { table ->
    val steps = table.split(" ").map(String::toInt)
    IntArray(64) { ((steps[ZIGZAG[it]] * (200 - 2 * quality) + 50) / 100).coerceIn(1, 255) }
}

/**
 * A Huffman table (T.81, annex C).
 *
 * @property counts how many codes there are of 1 to 16 bits.
 * @property symbols in the order of their codes.
 * @property code, length of each symbol; length 0 where the table has none for it.
 * @throws IllegalArgumentException there are more codes than bits can tell apart.
 */
internal class HuffmanTable(val counts: ByteArray, val symbols: ByteArray) {
    val code = IntArray(256)
    val length = IntArray(256)

    /** For each 16 bits, 256 x the length of the code that they begin with, plus its symbol; 0 where none does. */
    val steps: IntArray by lazy {
        IntArray(1 shl 16).also { steps ->
            for (byte in symbols) {
                val symbol = byte.toInt() and 0xff
                val free = 16 - length[symbol]
                steps.fill((length[symbol] shl 8) or symbol, code[symbol] shl free, (code[symbol] + 1) shl free)
            }
        }
    }

    init {
        var next = 0
        var at = 0
        for ((index, count) in counts.withIndex()) {
            repeat(count.toInt() and 0xff) {
                val symbol = symbols[at++].toInt() and 0xff
                code[symbol] = next++
                length[symbol] = index + 1
            }
            require(next <= 1 shl (index + 1)) { "a Huffman table with too many codes" }
            next = next shl 1
        }
    }
}

private fun table(counts: String, symbols: String) = HuffmanTable(bytes(counts), bytes(symbols))

private fun bytes(digits: String) = ByteArray(digits.length / 2) { digits.substring(2 * it, 2 * it + 2).toInt(16).toByte() }

/** The general tables of T.81, K.3 to K.6, which have a code for everything that a baseline file can need. */
internal val DC_LUMA = table("00010501010101010100000000000000", "000102030405060708090a0b")
internal val DC_CHROMA = table("00030101010101010101010000000000", "000102030405060708090a0b")
internal val AC_LUMA = table(
    "0002010303020403050504040000017d",
    "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a43444546474849" +
        "4a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9" +
        "cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa",
)
internal val AC_CHROMA = table(
    "00020102040403040705040400010277",
    "0001020311040521310612415107617113223281081442" + "91a1b1c109233352f0156272d10a162434e125f11718191a262728292a35363738393a434445464748" +
        "494a535455565758595a636465666768696a737475767778797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7" +
        "c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa",
)
