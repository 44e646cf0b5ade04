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

    /// <summary>A list of tensors; what nothing has set is null.</summary>
    public sealed record List(IReadOnlyList<TfValue?> Items) : TfValue;

    /// <summary>The handle of a resource variable, by the name of its node.</summary>
    public sealed record Variable(string Name) : TfValue;
}
