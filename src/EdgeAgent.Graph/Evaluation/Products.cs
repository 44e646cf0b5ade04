using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>Gemm and MatMul: the right operand takes the place of packed rows, so that constant weights are packed once.</summary>
internal static class Products
{
    /// <summary>Packs b [K, N] (or [N, K] transposed) for <see cref="Gemm"/>.</summary>
    public static PackedRows Pack(Gemm gemm, Tensor b)
    {
        var (depth, columns) = gemm.TransposeB ? (b.Shape[1], b.Shape[0]) : (b.Shape[0], b.Shape[1]);
        return PackedRows.Of(b.Floats, columns, depth, gemm.TransposeB ? depth : 1, gemm.TransposeB ? 1 : columns);
    }

    public static void Gemm(Gemm gemm, Tensor a, PackedRows b, Tensor? c, Tensor y, ParallelOptions parallel)
    {
        var rows = y.Shape[0];
        var columns = new MatrixColumns(a.Floats, 0, gemm.TransposeA ? rows : 1, gemm.TransposeA ? 1 : b.Depth);
        FloatGemm.Multiply(b, columns, rows, new TransposedStore(y.Floats, 0, gemm.Alpha), parallel);
        if (c is null)
            return;
        var addend = gemm.Beta == 1 ? c : Tensor.Of(Array.ConvertAll(c.Floats, v => v * gemm.Beta), c.Shape);
        Elementwise.Binary(new Add(), y, addend, y, parallel);
    }

    /// <summary>Packs one [K, N] matrix of a MatMul's right operand.</summary>
    public static PackedRows Pack(Tensor b, int matrix)
    {
        var (depth, columns) = (b.Shape[^2], b.Shape[^1]);
        return PackedRows.Of(b.Floats.AsSpan(matrix * depth * columns, depth * columns), columns, depth, 1, columns);
    }

    /// <param name="packed">The right operand where it is one constant matrix, otherwise null.</param>
    public static void MatMul(Tensor a, Tensor b, PackedRows? packed, Tensor y, ParallelOptions parallel)
    {
        var (depth, columns) = (b.Shape[^2], b.Shape[^1]);
        if (packed is not null)
        {
            FloatGemm.Multiply(packed, new MatrixColumns(a.Floats, 0, 1, depth), y.Count / columns, new TransposedStore(y.Floats, 0, 1), parallel);
            return;
        }
        var rows = a.Shape[^2];
        var batch = y.Shape[..^2];
        var (left, right) = (Broadcasting.Indices(a.Shape[..^2], batch), Broadcasting.Indices(b.Shape[..^2], batch));
        for (var i = 0; i < left.Length; i++)
            FloatGemm.Multiply(
                Pack(b, right[i]), new MatrixColumns(a.Floats, left[i] * rows * depth, 1, depth), rows,
                new TransposedStore(y.Floats, i * rows * columns, 1), parallel);
    }
}
