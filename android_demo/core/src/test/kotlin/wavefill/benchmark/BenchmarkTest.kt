package wavefill.benchmark

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertNull
import kotlin.test.assertTrue

class BenchmarkTest {
    @Test
    fun `quantiles are those of NumPy`() {
        val values = listOf(7.0, 1.0, 4.0, 2.0) // numpy.quantile([7, 1, 4, 2], [0, 0.5, 0.9, 0.99, 1])
        val expected = listOf(0.0 to 1.0, 0.5 to 3.0, 0.9 to 6.1, 0.99 to 6.91, 1.0 to 7.0)
        for ((share, value) in expected) assertEquals(value, quantile(values, share), 1e-12)
    }

    @Test
    fun `a hot device shows in the tenths`() {
        val told = describe(List(20) { 10.0 + it })
        assertEquals(listOf<Any?>(20, 10.0, 10.5, 28.5), listOf("runs", "min", "first_tenth", "last_tenth").map { told[it] })
    }

    @Test
    fun `a distance counts the hole, and any kept pixel that moved`() {
        val mask = byteArrayOf(-1, 0)
        val expected = byteArrayOf(10, 20, 30, 1, 2, 3)
        distance(expected, expected, mask).run {
            assertTrue(same)
            assertNull(psnr)
        }
        distance(byteArrayOf(10, 22, 30, 1, 2, 3), expected, mask).run {
            assertEquals(2, most)
            assertEquals(1 / 3.0, share, 1e-12)
            assertEquals(46.88, psnr!!, 0.01) // 10 log10(255^2 3 / 4)
            assertTrue(kept && !same)
        }
        assertTrue(!distance(byteArrayOf(10, 20, 30, 1, 2, 4), expected, mask).same)
    }
}
