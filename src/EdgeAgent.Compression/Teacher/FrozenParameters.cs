using EdgeAgent.Graph.Ir;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Teacher;

/// <summary>The constants of a graph as they are, without gradients; convolution weights are converted once, not at every pass.</summary>
public sealed class FrozenParameters : IDisposable
{
    private readonly Dictionary<string, Tensor> _tensors = [];

    public FrozenParameters(GraphSpec graph, bool bfloat16)
    {
        foreach (var (name, constant) in graph.Constants)
            if (constant.Type is not (ElementType.UInt8 or ElementType.Int8))
                _tensors[name] = constant.ToTorch().DetachFromDisposeScope();
        if (!bfloat16)
            return;
        foreach (var node in graph.Nodes.Where(n => n.Op is Conv))
            foreach (var name in node.Inputs.Skip(1).Where(_tensors.ContainsKey))
            {
                using var full = _tensors[name];
                _tensors[name] = full.to(torch.bfloat16).DetachFromDisposeScope();
            }
    }

    public Tensor Lookup(string constant) => _tensors[constant];

    public void Dispose()
    {
        foreach (var tensor in _tensors.Values)
            tensor.Dispose();
    }
}
