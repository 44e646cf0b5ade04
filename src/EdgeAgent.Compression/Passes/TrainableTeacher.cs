using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Inputs;

namespace EdgeAgent.Compression.Passes;

/// <summary>The teacher as students are cut from it: batch-norms in place, channels sorted by importance.</summary>
public sealed record TrainableTeacher(GraphSpec Graph, IReadOnlyList<ChannelGroup> Groups, int InsertedNorms)
{
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

    /// <summary>With a batch-norm behind every convolution, from a few hundred training images.</summary>
    public static GraphSpec WithNorms(GraphSpec graph, RunInputs inputs, CancellationToken cancellation) =>
        BatchNormInsertion.Apply(graph, inputs.PlainTraining.Sample(0, StatisticsImages, StatisticsBatch, cancellation).Select(inputs.PlainTraining.Tensor));

    /// <summary>The widest model that the students share weights of: a slice of this one, its channels in the same order.</summary>
    public (GraphSpec Graph, IReadOnlyList<ChannelGroup> Groups) Master(IReadOnlyList<StudentShape> shapes)
    {
        var graph = WeightScaling.Apply(new Slice(Groups, StudentShape.Hull(shapes)).Apply(Graph));
        var groups = ChannelDependencies.Find(graph);
        // Slicing keeps structure and order, so that a shape's counts mean the same groups.
        if (groups.Count != Groups.Count)
            throw new InvalidGraphException($"graph {graph.Name}: slicing changed its channel groups from {Groups.Count} to {groups.Count}");
        return (graph, groups);
    }
}
