using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TensorFlow;

/// <summary>What an edge of a TensorFlow graph carries while it is walked.</summary>
internal abstract record TfValue
{
    /// <summary>Numbers of the file: weights, axes, shapes.</summary>
    public sealed record Constant(Tensor Tensor) : TfValue
    {
        /// <summary>Where the tensor is in the graph, once something computes with it.</summary>
        public Laid? Placed { get; set; }
    }

    /// <summary>Small numbers computed from shapes, possibly in terms of the batch.</summary>
    public sealed record Folded(FoldedValue Value) : TfValue;

    /// <summary>A value of the IR graph.</summary>
    public sealed record Data(Laid Laid) : TfValue;

    /// <summary>One number everywhere, in a shape that depends on the batch.</summary>
    /// <param name="Name">Of the node that makes it.</param>
    public sealed record Filled(string Name, FoldedNumber[] Shape, float Number) : TfValue
    {
        private Laid? _placed;

        /// <summary>The value in the graph, where it is read: what only says that it is the same everywhere needs no node.</summary>
        public Laid Place(ChannelsLastGraph graph, Func<string, Exception> fault) =>
            _placed ??= graph.PerSample(Name, Shape, new(graph.Assembly.Constant(Name + "_number", Tensor.Of([Number]))), fault);
    }

    /// <summary>A list of tensors; what nothing has set is null.</summary>
    public sealed record List(IReadOnlyList<TfValue?> Items) : TfValue;

    /// <summary>Of a branch that is not taken: what is computed from it is not computed either.</summary>
    public sealed record Dead : TfValue;

    /// <summary>What cannot be computed here, which is a fault only where a result needs it: branches that are not taken hold such nodes.</summary>
    public sealed record Unknown(ImportFault Fault) : TfValue;

    /// <summary>Random numbers, of which is known that they are at least <paramref name="Low"/> and below <paramref name="High"/>.</summary>
    /// <param name="Fault">Says what makes them.</param>
    public sealed record Random(double Low, double High, ImportFault Fault) : TfValue;

    /// <summary>The handle of a resource variable, by the name of its node.</summary>
    public sealed record Variable(string Name) : TfValue;
}
