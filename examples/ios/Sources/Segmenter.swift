import CoreImage
import CoreImage.CIFilterBuiltins
import CoreML
import Vision

/// The network of `sinet export --to coreml`, by Vision. For one thread at a time.
final class Segmenter {
    private let request: VNCoreMLRequest

    init() throws {
        guard let model = Bundle.main.url(forResource: "portrait-13", withExtension: "mlmodelc") else {
            throw CocoaError(.fileNoSuchFile, userInfo: [NSLocalizedDescriptionKey: "portrait-13.mlpackage is not in Sources"])
        }
        request = VNCoreMLRequest(model: try VNCoreMLModel(for: MLModel(contentsOf: model)))
        request.imageCropAndScaleOption = .scaleFill // the whole frame, stretched, as the network has learned it
    }

    /// The probability of a person, 0...1, in the red of a picture of the network's size.
    func person(in frame: CVPixelBuffer) throws -> CIImage {
        try VNImageRequestHandler(cvPixelBuffer: frame).perform([request])
        guard let answer = request.results?.first as? VNCoreMLFeatureValueObservation,
            let values = answer.featureValue.multiArrayValue
        else { throw CocoaError(.featureUnsupported) }
        let map = MLShapedArray<Float>(converting: values) // (1, 1, height, width), halves or floats
        let size = CGSize(width: map.shape[3], height: map.shape[2])
        let content = map.scalars.withUnsafeBytes { Data($0) }
        return CIImage(bitmapData: content, bytesPerRow: 4 * map.shape[3], size: size, format: .Rf, colorSpace: nil)
    }

    /// An upright frame with what is behind the person blurred.
    func blurBackground(of frame: CVPixelBuffer) throws -> CIImage {
        let picture = CIImage(cvPixelBuffer: frame)
        let mask = try person(in: frame)
        let scale = CGAffineTransform(
            scaleX: picture.extent.width / mask.extent.width, y: picture.extent.height / mask.extent.height)
        let blend = CIFilter.blendWithRedMask()
        blend.inputImage = picture
        blend.backgroundImage = picture.clampedToExtent().applyingGaussianBlur(sigma: 20).cropped(to: picture.extent)
        blend.maskImage = mask.clampedToExtent().transformed(by: scale).cropped(to: picture.extent)
        return blend.outputImage ?? picture
    }
}
