using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>The rewrites that keep what a graph computes and leave less of it.</summary>
public static class Simplification
{
    /// <summary>For any graph: constants computed, identities and pairs of transposes gone, batch-norm folded into the layers before it.</summary>
    public static GraphSpec Apply(GraphSpec graph)
    {
        graph = ConstantFolding.Apply(graph).Verify();
        graph = DropIdentities.Apply(graph).Verify();
        graph = CancelTransposes.Apply(graph).Verify();
        graph = MergeReshapes.Apply(graph).Verify();
        graph = FoldTransposes.Apply(graph).Verify();
        graph = FoldBatchNorm.Apply(graph).Verify();
        return graph;
    }

    /// <summary>
    /// What <see cref="QdqRewrite"/> starts from, and what quantization-aware training simulates: additionally every
    /// dense layer is a Gemm, every mean a pool, every pick of channels a slice, and per-channel arithmetic, that of PReLU too, a
    /// part of the dense layer behind it or a depthwise convolution.
    /// </summary>
    public static GraphSpec ForQuantization(GraphSpec graph)
    {
        graph = ConstantFolding.Apply(graph).Verify();
        graph = DropIdentities.Apply(graph).Verify();
        graph = CancelTransposes.Apply(graph).Verify();
        graph = MergeReshapes.Apply(graph).Verify();
        graph = FoldTransposes.Apply(graph).Verify();
        graph = DenseToGemm.Apply(graph).Verify();
        graph = FoldBatchNorm.Apply(graph).Verify();
        graph = MeanToGlobalPool.Apply(graph).Verify();
        graph = GatherToSlice.Apply(graph).Verify();
        graph = PReluToArithmetic.Apply(graph).Verify();
        graph = FoldIntoDense.Apply(graph).Verify();
        graph = AffineToDepthwise.Apply(graph).Verify();
        return graph;
    }
}
