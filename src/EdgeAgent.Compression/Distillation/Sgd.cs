using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Runtime;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Distillation;

/// <summary>
/// Stochastic gradient descent with Nesterov momentum and weight decay, its state in the open so that checkpoints hold it.
/// v = m v + g + d w;  w -= rate (g + d w + m v).
/// </summary>
public sealed class Sgd : IDisposable
{
    private readonly IReadOnlyList<TrainedTensor> _tensors;
    private readonly Tensor[] _velocities;
    private readonly double _momentum, _decay;

    public Sgd(IReadOnlyList<TrainedTensor> tensors, double momentum, double decay)
    {
        (_tensors, _momentum, _decay) = (tensors, momentum, decay);
        _velocities = [.. tensors.Select(t => torch.zeros_like(t.Value, requires_grad: false).DetachFromDisposeScope())];
    }

    public IEnumerable<(string Name, Tensor Value)> State => _tensors.Zip(_velocities, (t, v) => ($"velocity/{t.Name}", v));

    /// <summary>Moves every tensor that has a gradient, and clears the gradients.</summary>
    /// <param name="clip">Largest allowed L2 norm of all gradients together: one bad batch early in training does no harm.</param>
    public void Step(double rate, double clip)
    {
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        var gradients = _tensors.Select(t => t.Value.grad).ToArray();
        var norms = gradients.OfType<Tensor>().Select(g => g.norm()).ToArray();
        var norm = torch.stack(norms).norm().item<float>();
        if (!float.IsFinite(norm))
            throw new ArithmeticException("training diverged: a gradient is not finite");
        var shrink = norm > clip ? clip / norm : 1;
        for (var i = 0; i < gradients.Length; i++)
        {
            if (gradients[i] is not { } gradient)
                continue;
            var (weight, velocity) = (_tensors[i].Value, _velocities[i]);
            gradient.Scale(shrink);
            if (_tensors[i].Decays)
                gradient.Accumulate(weight, _decay);
            velocity.Scale(_momentum).Accumulate(gradient);
            weight.Accumulate(gradient.Accumulate(velocity, _momentum), -rate);
            weight.grad = null;
        }
    }

    public void Dispose()
    {
        foreach (var velocity in _velocities)
            velocity.Dispose();
    }
}
