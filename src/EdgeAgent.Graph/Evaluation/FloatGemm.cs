using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>
/// The left operand of a product, [rows, depth], in the order the micro-kernel reads it: blocks of depth, in each block
/// panels of 8 rows, in each panel 8 values for every step of the depth. Rows are filled up with zeros.
/// </summary>
internal sealed class PackedRows
{
    private PackedRows(int rows, int depth, float[] data) => (Rows, Depth, Data) = (rows, depth, data);

    public int Rows { get; }

    public int Depth { get; }

    public float[] Data { get; }

    public int Panels => (Rows + FloatGemm.PanelRows - 1) / FloatGemm.PanelRows;

    /// <summary>Packs the matrix whose element (row, k) is at <c>row * rowStride + k * depthStride</c>.</summary>
    public static PackedRows Of(ReadOnlySpan<float> matrix, int rows, int depth, int rowStride, int depthStride)
    {
        var panels = (rows + FloatGemm.PanelRows - 1) / FloatGemm.PanelRows;
        var data = new float[(long)panels * FloatGemm.PanelRows * depth];
        var at = 0;
        for (var k0 = 0; k0 < depth; k0 += FloatGemm.DepthBlock)
            for (var panel = 0; panel < panels; panel++)
                for (var k = k0; k < Math.Min(depth, k0 + FloatGemm.DepthBlock); k++)
                    for (var r = 0; r < FloatGemm.PanelRows; r++, at++)
                        if (panel * FloatGemm.PanelRows + r is var row && row < rows)
                            data[at] = matrix[row * rowStride + k * depthStride];
        return new(rows, depth, data);
    }
}

/// <summary>The right operand, a column at a time: a matrix, or the patches of a convolution's input.</summary>
internal interface IColumns
{
    /// <summary>
    /// Writes depth steps [<paramref name="k0"/>, k0 + <paramref name="ks"/>) of columns [<paramref name="column"/>, column + 32)
    /// as ks rows of 32; columns past <paramref name="columns"/> are zero.
    /// </summary>
    void Pack(int column, int columns, int k0, int ks, Span<float> panel);
}

/// <summary>Takes finished blocks of the product.</summary>
internal interface IBlocks
{
    /// <summary>Element (row, j) of the block is at <c>row * stride + j</c> and belongs to column <paramref name="column"/> + j.</summary>
    void Store(ReadOnlySpan<float> block, int stride, int rows, int column, int columns);
}

/// <summary>
/// Single-precision matrix product: cache blocking after Goto (a 32-column panel of one depth block stays in L1, the packed
/// rows stream past it), register blocking 8 x 32 with 512-bit vectors or 4 x 16 with 256-bit ones.
/// </summary>
internal static class FloatGemm
{
    public const int PanelRows = 8;
    public const int PanelColumns = 32;
    public const int DepthBlock = 256;
    private const int BlockColumns = 256;

    public static void Multiply<TColumns, TBlocks>(PackedRows rows, TColumns columns, int columnCount, TBlocks blocks, ParallelOptions parallel)
        where TColumns : struct, IColumns
        where TBlocks : struct, IBlocks
    {
        var count = (columnCount + BlockColumns - 1) / BlockColumns;
        if (count == 1 || (long)rows.Rows * rows.Depth * columnCount < 1 << 18)
        {
            for (var i = 0; i < count; i++)
                Block(rows, columns, i * BlockColumns, columnCount, blocks);
            return;
        }
        Parallel.For(0, count, parallel, i => Block(rows, columns, i * BlockColumns, columnCount, blocks));
    }

    private static void Block<TColumns, TBlocks>(PackedRows rows, TColumns columns, int column, int columnCount, TBlocks blocks)
        where TColumns : struct, IColumns
        where TBlocks : struct, IBlocks
    {
        var width = Math.Min(BlockColumns, columnCount - column);
        var stride = (width + PanelColumns - 1) / PanelColumns * PanelColumns;
        var panel = ArrayPool<float>.Shared.Rent(DepthBlock * PanelColumns);
        var product = ArrayPool<float>.Shared.Rent(rows.Panels * PanelRows * stride);
        try
        {
            for (var k0 = 0; k0 < rows.Depth; k0 += DepthBlock)
            {
                var ks = Math.Min(DepthBlock, rows.Depth - k0);
                for (var j = 0; j < stride; j += PanelColumns)
                {
                    columns.Pack(column + j, columnCount, k0, ks, panel);
                    for (var p = 0; p < rows.Panels; p++)
                    {
                        ref var a = ref rows.Data[k0 * rows.Panels * PanelRows + p * PanelRows * ks];
                        ref var c = ref product[p * PanelRows * stride + j];
                        if (Vector512.IsHardwareAccelerated)
                            Kernel8x32(ref a, ref panel[0], ks, ref c, stride, k0 > 0);
                        else
                            for (var quarter = 0; quarter < 4; quarter++)
                                Kernel4x16(
                                    ref Unsafe.Add(ref a, quarter / 2 * 4), ref panel[quarter % 2 * 16], ks,
                                    ref Unsafe.Add(ref c, quarter / 2 * 4 * stride + quarter % 2 * 16), stride, k0 > 0);
                    }
                }
            }
            blocks.Store(product, stride, rows.Rows, column, width);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(panel);
            ArrayPool<float>.Shared.Return(product);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Kernel8x32(ref float a, ref float b, int depth, ref float c, int stride, bool accumulate)
    {
        Vector512<float> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default, c30 = default, c31 = default;
        Vector512<float> c40 = default, c41 = default, c50 = default, c51 = default, c60 = default, c61 = default, c70 = default, c71 = default;
        for (var k = 0; k < depth; k++)
        {
            var b0 = Vector512.LoadUnsafe(ref b);
            var b1 = Vector512.LoadUnsafe(ref b, 16);
            var a0 = Vector512.Create(a);
            (c00, c01) = (Vector512.FusedMultiplyAdd(a0, b0, c00), Vector512.FusedMultiplyAdd(a0, b1, c01));
            var a1 = Vector512.Create(Unsafe.Add(ref a, 1));
            (c10, c11) = (Vector512.FusedMultiplyAdd(a1, b0, c10), Vector512.FusedMultiplyAdd(a1, b1, c11));
            var a2 = Vector512.Create(Unsafe.Add(ref a, 2));
            (c20, c21) = (Vector512.FusedMultiplyAdd(a2, b0, c20), Vector512.FusedMultiplyAdd(a2, b1, c21));
            var a3 = Vector512.Create(Unsafe.Add(ref a, 3));
            (c30, c31) = (Vector512.FusedMultiplyAdd(a3, b0, c30), Vector512.FusedMultiplyAdd(a3, b1, c31));
            var a4 = Vector512.Create(Unsafe.Add(ref a, 4));
            (c40, c41) = (Vector512.FusedMultiplyAdd(a4, b0, c40), Vector512.FusedMultiplyAdd(a4, b1, c41));
            var a5 = Vector512.Create(Unsafe.Add(ref a, 5));
            (c50, c51) = (Vector512.FusedMultiplyAdd(a5, b0, c50), Vector512.FusedMultiplyAdd(a5, b1, c51));
            var a6 = Vector512.Create(Unsafe.Add(ref a, 6));
            (c60, c61) = (Vector512.FusedMultiplyAdd(a6, b0, c60), Vector512.FusedMultiplyAdd(a6, b1, c61));
            var a7 = Vector512.Create(Unsafe.Add(ref a, 7));
            (c70, c71) = (Vector512.FusedMultiplyAdd(a7, b0, c70), Vector512.FusedMultiplyAdd(a7, b1, c71));
            a = ref Unsafe.Add(ref a, PanelRows);
            b = ref Unsafe.Add(ref b, PanelColumns);
        }
        Store(ref c, 0, c00, c01, accumulate);
        Store(ref c, stride, c10, c11, accumulate);
        Store(ref c, 2 * stride, c20, c21, accumulate);
        Store(ref c, 3 * stride, c30, c31, accumulate);
        Store(ref c, 4 * stride, c40, c41, accumulate);
        Store(ref c, 5 * stride, c50, c51, accumulate);
        Store(ref c, 6 * stride, c60, c61, accumulate);
        Store(ref c, 7 * stride, c70, c71, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(ref float c, int offset, Vector512<float> left, Vector512<float> right, bool accumulate)
    {
        ref var row = ref Unsafe.Add(ref c, offset);
        if (accumulate)
            (left, right) = (left + Vector512.LoadUnsafe(ref row), right + Vector512.LoadUnsafe(ref row, 16));
        left.StoreUnsafe(ref row);
        right.StoreUnsafe(ref row, 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Kernel4x16(ref float a, ref float b, int depth, ref float c, int stride, bool accumulate)
    {
        Vector256<float> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default, c30 = default, c31 = default;
        for (var k = 0; k < depth; k++)
        {
            var b0 = Vector256.LoadUnsafe(ref b);
            var b1 = Vector256.LoadUnsafe(ref b, 8);
            var a0 = Vector256.Create(a);
            (c00, c01) = (Vector256.MultiplyAddEstimate(a0, b0, c00), Vector256.MultiplyAddEstimate(a0, b1, c01));
            var a1 = Vector256.Create(Unsafe.Add(ref a, 1));
            (c10, c11) = (Vector256.MultiplyAddEstimate(a1, b0, c10), Vector256.MultiplyAddEstimate(a1, b1, c11));
            var a2 = Vector256.Create(Unsafe.Add(ref a, 2));
            (c20, c21) = (Vector256.MultiplyAddEstimate(a2, b0, c20), Vector256.MultiplyAddEstimate(a2, b1, c21));
            var a3 = Vector256.Create(Unsafe.Add(ref a, 3));
            (c30, c31) = (Vector256.MultiplyAddEstimate(a3, b0, c30), Vector256.MultiplyAddEstimate(a3, b1, c31));
            a = ref Unsafe.Add(ref a, PanelRows);
            b = ref Unsafe.Add(ref b, PanelColumns);
        }
        Store(ref c, 0, c00, c01, accumulate);
        Store(ref c, stride, c10, c11, accumulate);
        Store(ref c, 2 * stride, c20, c21, accumulate);
        Store(ref c, 3 * stride, c30, c31, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(ref float c, int offset, Vector256<float> left, Vector256<float> right, bool accumulate)
    {
        ref var row = ref Unsafe.Add(ref c, offset);
        if (accumulate)
            (left, right) = (left + Vector256.LoadUnsafe(ref row), right + Vector256.LoadUnsafe(ref row, 8));
        left.StoreUnsafe(ref row);
        right.StoreUnsafe(ref row, 8);
    }
}

/// <summary>Columns of a matrix whose element (k, column) is at <c>Offset + k * DepthStride + column * ColumnStride</c>.</summary>
internal readonly struct MatrixColumns(float[] data, int offset, int depthStride, int columnStride) : IColumns
{
    public void Pack(int column, int columns, int k0, int ks, Span<float> panel)
    {
        var width = Math.Min(FloatGemm.PanelColumns, columns - column);
        for (var k = 0; k < ks; k++)
        {
            var row = panel.Slice(k * FloatGemm.PanelColumns, FloatGemm.PanelColumns);
            var source = offset + (k0 + k) * depthStride + column * columnStride;
            if (columnStride == 1)
                data.AsSpan(source, width).CopyTo(row);
            else
                for (var j = 0; j < width; j++)
                    row[j] = data[source + j * columnStride];
            row[width..].Clear();
        }
    }
}

/// <summary>Stores the product transposed: element (row, column) at <c>offset + column * Rows + row</c>, scaled, plus an addend.</summary>
internal readonly struct TransposedStore(float[] output, int offset, float alpha) : IBlocks
{
    public void Store(ReadOnlySpan<float> block, int stride, int rows, int column, int columns)
    {
        for (var j = 0; j < columns; j++)
        {
            var target = output.AsSpan(offset + (column + j) * rows, rows);
            for (var row = 0; row < rows; row++)
                target[row] = alpha * block[row * stride + j];
        }
    }
}
