using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TensorFlow;

/// <summary>
/// What is computed from random numbers and does not depend on them: TensorFlow 1 keeps the elements for which
/// floor(keep + uniform) is 1, later versions those for which uniform >= rate is true, and a dropout that is switched off keeps all.
/// </summary>
internal static class TfRandom
{
    /// <returns>The result, or null if the node has nothing to do with random numbers.</returns>
    public static TfValue? TryApply(TfNode node)
    {
        if (node.Op == "RandomUniform")
            return new TfValue.Random(0, 1, node.Fault("is random, which is not supported; export the model for inference"));
        var inputs = Enumerable.Range(0, node.InputCount).Select(node.Input).ToList();
        if (inputs.OfType<TfValue.Random>().FirstOrDefault() is not { } random)
            return null;
        var first = ReferenceEquals(inputs[0], random);
        var number = inputs.Count == 2 && node.Folded(inputs[first ? 1 : 0]) is { IsConstant: true, Numbers: [var only] } ? only.Value : double.NaN;
        return node.Op switch
        {
            "Identity" => random,
            "Add" or "AddV2" when !double.IsNaN(number) => random with { Low = random.Low + number, High = random.High + number },
            "Sub" when first && !double.IsNaN(number) => random with { Low = random.Low - number, High = random.High - number },
            "Mul" when number > 0 => random with { Low = random.Low * number, High = random.High * number },
            "Floor" when Math.Floor(random.Low) + 1 >= random.High => Everywhere(ElementType.Float32, Math.Floor(random.Low)),
            "GreaterEqual" when first && random.Low >= number => Everywhere(ElementType.Bool, 1),
            _ => new TfValue.Unknown(random.Fault),
        };
    }

    /// <summary>What is the same everywhere needs no shape: it broadcasts.</summary>
    private static TfValue Everywhere(ElementType type, double number) => new TfValue.Folded(new(type, [], [new(number)]));
}
