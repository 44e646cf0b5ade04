using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites.Quantization;

/// <summary>
/// Turns a float graph into a QDQ graph: a QuantizeLinear/DequantizeLinear pair after every quantization point, weights
/// and biases as integers behind a DequantizeLinear. A Relu or Clip that the quantized range implies is dropped. The
/// layout is the one that ONNX Runtime fuses to integer operators.
/// </summary>
public static class QdqRewrite
{
    /// <param name="graph">From <see cref="Simplification.ForQuantization"/>.</param>
    /// <param name="parameters">With an activation quantization for each of <see cref="QuantizationPoints.Values"/>.</param>
    /// <exception cref="InvalidGraphException">A parameter is missing or does not fit; the message names the value.</exception>
    public static GraphSpec Apply(GraphSpec graph, QuantizationParameters parameters) => new Rewriting(graph, parameters).Run();

    private sealed class Rewriting(GraphSpec graph, QuantizationParameters parameters)
    {
        private readonly QuantizationPoints _points = QuantizationPoints.Of(graph);
        private readonly List<Node> _nodes = [];
        private readonly Dictionary<string, Tensor> _constants = graph.Constants.ToDictionary(c => c.Key, c => c.Value);

        /// <summary>What readers of a value of the float graph read instead.</summary>
        private readonly Dictionary<string, string> _dequantized = [];
        private readonly Dictionary<string, (string Scale, string Zero)> _activationConstants = [];
        private readonly Dictionary<(string Weights, string Input), (string Name, float[] Scales)> _weights = [];

        public GraphSpec Run()
        {
            foreach (var input in graph.Inputs)
                if (input.Type == ElementType.Float32)
                    AddPair(input.Name, input.Name);
            var dropped = _points.Clamped.Where(c => IsImplied(c.Value)).ToDictionary(c => c.Key, c => c.Value);
            foreach (var node in graph.Nodes)
                if (!dropped.ContainsValue(node.Output))
                    Add(node, dropped.GetValueOrDefault(node.Output, node.Output));
            return (graph with { Nodes = _nodes, Constants = _constants }).RemoveUnused().Verify();
        }

        private void Add(Node node, string output)
        {
            var inputs = node.Op is Conv or Gemm && _constants.ContainsKey(node.Inputs[1])
                ? LayerInputs(node)
                : [.. node.Inputs.Select(i => _dequantized.GetValueOrDefault(i, i))];
            if (_points.Unquantized.Contains(output) || _points.Clamped.ContainsKey(output))
            {
                _nodes.Add(node with { Inputs = inputs, Outputs = [output] });
                return;
            }
            var raw = graph.Outputs.Any(o => o.Name == output) ? graph.FreshName(output + "_raw") : output;
            _nodes.Add(node with { Inputs = inputs, Outputs = [raw] });
            AddPair(output, raw);
        }

        /// <summary>Quantizes <paramref name="computed"/>; readers of <paramref name="value"/> see the dequantized one.</summary>
        private void AddPair(string value, string computed)
        {
            var (scale, zero) = ActivationConstants(_points.Root(value));
            var quantized = graph.FreshName(value + "_q");
            var dequantized = computed == value ? graph.FreshName(value + "_dq") : value;
            _nodes.Add(new(value + "_quantize", new QuantizeLinear(1), [computed, scale, zero], [quantized]));
            _nodes.Add(new(value + "_dequantize", new DequantizeLinear(1), [quantized, scale, zero], [dequantized]));
            _dequantized[value] = dequantized;
        }

        private List<string> LayerInputs(Node node)
        {
            var input = node.Inputs[0];
            var inputScale = Quantization(_points.Root(input)).Scale;
            var bias = node.Inputs.Count > 2 && node.Inputs[2].Length > 0 ? _constants[node.Inputs[2]].Floats : null;
            var (weights, scales) = Weights(node, inputScale, bias);
            var inputs = new List<string> { _dequantized.GetValueOrDefault(input, input), weights };
            if (bias is not null)
            {
                var name = graph.FreshName(node.Output + "_b");
                var (quantized, biasScales) = WeightQuantization.QuantizeBias(bias, scales, inputScale);
                AddDequantized(name, quantized, biasScales, Tensor.Of(new int[bias.Length], bias.Length));
                inputs.Add(name);
            }
            return inputs;
        }

        private (string Name, float[] Scales) Weights(Node node, float inputScale, float[]? bias)
        {
            var key = (node.Inputs[1], bias is null ? "" : node.Output);
            if (_weights.TryGetValue(key, out var known))
                return known;
            var weights = _constants[node.Inputs[1]];
            if (node.Op is Gemm and not { Alpha: 1, Beta: 1, TransposeA: false, TransposeB: true })
                throw new InvalidGraphException($"node '{node.Name}' (Gemm) is not in the form that quantization needs; apply Simplification.ForQuantization first");
            var scales = parameters.WeightScales.TryGetValue(node.Inputs[1], out var given) ? given : WeightQuantization.Scales(weights);
            if (scales.Length != weights.Shape[0])
                throw new InvalidGraphException($"weights '{node.Inputs[1]}' have {weights.Shape[0]} output channels and {scales.Length} scales");
            scales = WeightQuantization.Usable(scales, bias, inputScale);
            var name = graph.FreshName(node.Output + "_w");
            AddDequantized(name, WeightQuantization.Quantize(weights, scales), Tensor.Of(scales, scales.Length), Tensor.Of(new sbyte[scales.Length], scales.Length));
            return _weights[key] = (name, scales);
        }

        private (string Scale, string Zero) ActivationConstants(string root)
        {
            if (_activationConstants.TryGetValue(root, out var names))
                return names;
            var quantization = Quantization(root);
            var zero = parameters.Format == ActivationFormat.UInt8
                ? Tensor.Of([quantization.ZeroPoint])
                : Tensor.Of([(sbyte)(quantization.ZeroPoint - 128)]);
            names = (AddConstant(root + "_scale", Tensor.Of([quantization.Scale])), AddConstant(root + "_zero", zero));
            return _activationConstants[root] = names;
        }

        /// <summary>A constant per output channel (axis 0) that the graph sees dequantized, under <paramref name="name"/>.</summary>
        private void AddDequantized(string name, Tensor quantized, Tensor scales, Tensor zeros)
        {
            string[] inputs = [AddConstant(name + "_q", quantized), AddConstant(name + "_s", scales), AddConstant(name + "_z", zeros)];
            _nodes.Add(new(name + "_dequantize", new DequantizeLinear(0), inputs, [name]));
        }

        private string AddConstant(string wanted, Tensor tensor)
        {
            var name = graph.FreshName(wanted);
            while (!_constants.TryAdd(name, tensor))
                name += "_";
            return name;
        }

        private ActivationQuantization Quantization(string root)
        {
            if (!parameters.Activations.TryGetValue(root, out var quantization))
                throw new InvalidGraphException($"value '{root}' has no quantization; every one of QuantizationPoints.Values needs one");
            if (!float.IsFinite(quantization.Scale) || quantization.Scale <= 0)
                throw new InvalidGraphException($"value '{root}' has the scale {quantization.Scale}, which is none");
            if (parameters.Format == ActivationFormat.Int8Symmetric && quantization.ZeroPoint != 128)
                throw new InvalidGraphException($"value '{root}' has zero point {quantization.ZeroPoint}; the symmetric format needs 128 (stated for u8)");
            return quantization;
        }

        /// <summary>
        /// Quantization saturates at the ends of its range; where they lie on the clamp's bounds or inside, the clamp
        /// changes nothing. (Half a step of tolerance: a bound that rounds to the last q is that q.)
        /// </summary>
        private bool IsImplied(string clampOutput)
        {
            var op = graph.Nodes.First(n => n.Output == clampOutput).Op;
            var (min, max) = op is Clip clip ? (clip.Min, clip.Max) : (0f, float.PositiveInfinity);
            var quantization = Quantization(_points.Root(clampOutput));
            var tolerance = quantization.Scale * 0.5;
            return quantization.Low > min - tolerance && quantization.High < max + tolerance;
        }
    }
}
