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
        var batches = inputs.PlainTraining.Prefetch(Sample(inputs.PlainTraining), cancellation).Select(inputs.PlainTraining.Tensor);
        var normed = BatchNormInsertion.Apply(inputs.Teacher, batches);
        var groups = ChannelDependencies.Find(normed);
        if (groups.All(g => g.Frozen))
            throw new InputException($"model {inputs.Teacher.Name}: no group of channels can be narrowed, since every one passes through an operator that mixes channels or reaches the output");
        var inserted = normed.Nodes.Count(n => n.Op is BatchNormalization) - inputs.Teacher.Nodes.Count(n => n.Op is BatchNormalization);
        return new TrainableTeacher(ChannelOrdering.Apply(normed, groups, ChannelImportance.GroupL2(normed, groups)), groups, inserted);
    }

    public string Describe() => $"{InsertedNorms} batch-norms inserted, {Groups.Count(g => !g.Frozen)} groups of channels ordered by importance";

    /// <summary>The same few hundred training images of every run with the same seed.</summary>
    private static IEnumerable<Data.BatchPlan> Sample(Data.BatchSource images)
    {
        var order = images.Order(0);
        var count = Math.Min(StatisticsImages, order.Length);
        for (var first = 0; first < count; first += StatisticsBatch)
            yield return new Data.BatchPlan(first, 0, -1, order[first..Math.Min(count, first + StatisticsBatch)]);
    }

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
