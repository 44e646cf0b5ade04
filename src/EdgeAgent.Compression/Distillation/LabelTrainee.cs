using EdgeAgent.Compression.Family;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Distillation;

/// <summary>A model that learns from labels alone, without a teacher.</summary>
public static class LabelTrainee
{
    /// <param name="trained">Those of the weights that move.</param>
    /// <param name="run">From images to logits.</param>
    /// <param name="smoothing">Share of a label that is spread over all classes.</param>
    public static Trainee Of(StudentWeights weights, IReadOnlyList<TrainedTensor> trained, Func<Tensor, Tensor> run, double smoothing) =>
        new(trained, weights.StateBeside(trained), input =>
        {
            var loss = TorchSharp.torch.nn.functional.cross_entropy(run(input.Input), input.Labels, label_smoothing: smoothing);
            loss.backward();
            return loss.item<float>();
        });
}
