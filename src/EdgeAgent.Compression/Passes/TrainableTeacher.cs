using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Inputs;
using TorchSharp;

namespace EdgeAgent.Compression.Passes;

/// <summary>The teacher as students are cut from it: batch-norms in place, channels sorted by importance.</summary>
public sealed record TrainableTeacher(GraphSpec Graph, IReadOnlyList<ChannelGroup> Groups, int InsertedNorms)
{
    /// <summary>The same of mobile blocks; null where they are not asked for, or where there is nothing to replace.</summary>
    public SliceableModel? Mobile { get; init; }

    public SliceableModel Model(BlockKind blocks) => blocks == BlockKind.Sliced
        ? new SliceableModel(Graph, Groups)
        : Mobile ?? throw new InvalidOperationException($"graph {Graph.Name} was not given mobile blocks");

    private const int StatisticsImages = 512, StatisticsBatch = 64;

    public static TrainableTeacher Prepare(RunInputs inputs, CancellationToken cancellation)
    {
        var normed = WithNorms(inputs.Teacher, inputs, cancellation);
        var groups = ChannelDependencies.Find(normed);
        if (groups.All(g => g.Frozen))
            throw new InputException($"model {inputs.Teacher.Name}: no group of channels can be narrowed, since every one passes through an operator that mixes channels or reaches the output");
        var inserted = normed.Nodes.Count(n => n.Op is BatchNormalization) - inputs.Teacher.Nodes.Count(n => n.Op is BatchNormalization);
        return new TrainableTeacher(ChannelOrdering.Apply(normed, groups, ChannelImportance.GroupL2(normed, groups)), groups, inserted);
    }

    public string Describe() => $"{InsertedNorms} batch-norms inserted, {Groups.Count(g => !g.Frozen)} groups of channels ordered by importance";

    /// <summary>
    /// With a batch-norm behind every convolution, from a few hundred training images, and dense layers as one node each, whose biases are
    /// then trained like those of others.
    /// </summary>
    public static GraphSpec WithNorms(GraphSpec graph, RunInputs inputs, CancellationToken cancellation) =>
        BatchNormInsertion.Apply(DenseToGemm.Apply(graph), Plain(inputs, cancellation));

    /// <summary>With mobile blocks to choose from; the same where there is nothing that they could replace.</summary>
    public TrainableTeacher WithMobileBlocks(RunInputs inputs, CancellationToken cancellation) =>
        this with { Mobile = MobileBlocks.Apply(Graph, () => Plain(inputs, cancellation)) is { } graph ? SliceableModel.Of(graph) : null };

    public string DescribeMobile() => Mobile is { } mobile
        ? $"{mobile.Graph.Nodes.Count(n => n.Op is Conv) - Graph.Nodes.Count(n => n.Op is Conv)} full convolutions as depthwise-separable blocks, in case they are better"
        : "no full convolution to replace";

    public GraphSpec Narrowed(StudentShape shape) => Model(shape.Blocks).Narrowed(shape);

    /// <summary>The weights of students, shared by those of one kind.</summary>
    public StudentWeights Weights(IReadOnlyList<StudentShape> shapes) =>
        new(blocks => Model(blocks).Master([.. shapes.Where(s => s.Blocks == blocks)]), shapes);

    private static IEnumerable<torch.Tensor> Plain(RunInputs inputs, CancellationToken cancellation) =>
        inputs.PlainTraining.Tensors(inputs.PlainTraining.Sample(0, StatisticsImages, StatisticsBatch, cancellation));
}
