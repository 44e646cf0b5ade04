using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Compression.Family;

/// <summary>What students are slices of: a model with a batch-norm behind each convolution, the channels of every group sorted by importance.</summary>
public sealed record SliceableModel(GraphSpec Graph, IReadOnlyList<ChannelGroup> Groups)
{
    public static SliceableModel Of(GraphSpec graph) => new(graph, ChannelDependencies.Find(graph));

    public GraphSpec Narrowed(StudentShape shape) => new Slice(Groups, shape.Counts).Apply(Graph);

    /// <summary>The widest model that the students share weights of: a slice of this one, its channels in the same order.</summary>
    public SliceableModel Master(IReadOnlyList<StudentShape> shapes)
    {
        var master = Of(WeightScaling.Apply(new Slice(Groups, StudentShape.Hull(shapes)).Apply(Graph)));
        // Slicing keeps structure and order, so that a shape's counts mean the same groups.
        if (master.Groups.Count != Groups.Count)
            throw new InvalidGraphException($"graph {Graph.Name}: slicing changed its channel groups from {Groups.Count} to {master.Groups.Count}");
        return master;
    }
}
